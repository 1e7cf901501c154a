package fidelity

import (
	"strings"

	"github.com/ocifake/ocifake/record"
)

// FormOf returns an exchange in the form in which exchanges are compared. The replacer puts
// placeholders where names differ from run to run, such as <origin> and <repo>; digests,
// sessions and tokens have placeholders anyway. The step, the case and the body of the
// request are missing.
func FormOf(x record.Exchange, placeholders *strings.Replacer) Exchange {
	n := &names{replace: placeholders}
	header := map[string]string{}
	for name, values := range x.Header {
		switch name {
		case "Accept", "Content-Range", "Content-Type", "If-Match", "If-None-Match", "If-Range", "Range":
			header[name] = n.text(strings.Join(values, ", "))
		}
	}
	if len(header) == 0 {
		header = nil
	}
	target := n.text(x.Target)
	if x.Session != "" {
		target = location(n, x.Target)
	}
	return Exchange{
		Op: x.Op, Request: x.Method + " " + target, Auth: x.Scheme, Header: header,
		Answer: n.answer(x.Op, x.Status, x.ResponseHeader, x.ResponseBody),
	}
}

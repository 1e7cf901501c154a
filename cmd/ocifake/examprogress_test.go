package main

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/exam"
)

var progressed = []exam.TrialResult{
	{Group: "none", Action: "pull", Verdict: "passed"},
	{Group: "duties", Name: "blob-wrong", Action: "pull", Verdict: "accepted a lie", Reason: "the result \x1b[2J is wrong"},
	{Group: "duties", Name: "warning", Action: "pull", Verdict: "not applicable"},
}

// Without a terminal there is a line for each fault.
func TestExamProgressPlain(t *testing.T) {
	var out bytes.Buffer
	p := newExamProgress(&out)
	for _, r := range progressed {
		p.add(r)
	}
	p.stop()
	assert.Equal(t, "duties/blob-wrong/pull: accepted a lie: the result \\x1b[2J is wrong\n", out.String())
}

// On a terminal the table is drawn anew below the faults, no wider than the terminal, and removed.
func TestExamProgressTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := &examProgress{to: &out, width: 40}
		p.add(progressed[0])
		p.add(progressed[1])
		p.add(progressed[2])
		p.stop()
		const head = "            trials   right  faults  not\n"
		assert.Equal(t, head+"none             1       1       0     \n"+
			"\x1b[2A\r\x1b[J"+"duties/blob-wrong/pull: accepted a lie: the result \\x1b[2J is wrong\n"+
			head+"none             1       1       0     \n"+"duties           1       0       1     \n"+
			"\x1b[3A\r\x1b[J", out.String())
		assert.Equal(t, []string{
			"            trials   right  faults  not reached  not applicable",
			"none             1       1       0            0               0",
			"duties           2       0       1            0               1",
		}, p.table())
	})
}

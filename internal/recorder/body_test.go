package recorder

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/redact"
	"github.com/ocifake/ocifake/op"
)

// TestRedactBodies passes bodies of which it depends on the request whether they have
// secrets.
func TestRedactBodies(t *testing.T) {
	const placeholder = "[redacted]"
	for name, test := range map[string]struct {
		o           op.Op
		status      int
		asked, want string // of the request
		answered    string
		wantAnswer  string
	}{
		"form":              {op.Token, 200, "password=hush&a=b\n", "password=[redacted]&a=b\n", "", ""},
		"xml":               {op.Token, 200, `<a password="hush"/>`, placeholder, "", ""},
		"no pairs":          {op.Token, 400, "hush", placeholder, "bad gateway", "bad gateway"},
		"nothing":           {op.Token, 200, "", "", "", ""},
		"token":             {op.Token, 200, "", "", `{"token":"hush"}`, `{"token":"[redacted]"}`},
		"error with secret": {op.TagList, 429, "", "", `{"errors":[{"code":"TOOMANYREQUESTS"}],"token":"hush"}`, `{"errors":[{"code":"TOOMANYREQUESTS"}],"token":"[redacted]"}`},
		"error in text":     {op.TagList, 500, "", "", "no https://me:hush@hub.test", "no https://%5Bredacted%5D@hub.test"},
		"manifest":          {op.ManifestPut, 201, `{"token":"seen"}`, `{"token":"seen"}`, "", ""},
		"list":              {op.TagList, 200, "", "", `{"token":"seen"}`, `{"token":"seen"}`},
	} {
		b := bodies{asked: kept{b: []byte(test.asked)}, answered: kept{b: []byte(test.answered)}}
		b.redact(redact.Redactor{}, test.o, test.status)
		assert.Equal(t, test.want, string(b.asked.b), name)
		assert.Equal(t, test.wantAnswer, string(b.answered.b), name)
	}
}

package spec

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
)

const ledgerBase = "http://registry.test/prefix"

// told returns an exchange as the driver has it when the answer has arrived.
func told(method, target string, body string, status int, location string) *exchange {
	u, err := url.Parse(target)
	if err != nil {
		panic(err)
	}
	x := &exchange{method: method, url: target, body: content{bytes: []byte(body)}, last: &http.Request{URL: u}, status: status, answer: http.Header{}}
	if location != "" {
		x.answer.Set("Location", location)
	}
	return x
}

// TestLedgerAllows checks what may be deleted, after what was made.
func TestLedgerAllows(t *testing.T) {
	const body, own = "sixteen bytes or more", ledgerBase + "/v2/run/r"
	d, foreign := digest.FromString(body).String(), digest.FromString("of somebody else").String()
	empty := digest.FromString("{}").String()
	upload := own + "/blobs/uploads/"
	tests := []struct {
		name   string
		after  []*exchange
		delete string
		want   bool
	}{
		{"nothing was made", nil, own + "/blobs/" + d, false},
		{"the push was refused", []*exchange{told("PUT", own+"/manifests/v1", body, 400, "")}, own + "/manifests/" + d, false},
		{"a manifest", []*exchange{told("PUT", own+"/manifests/v1", body, 201, "")}, own + "/manifests/" + d, true},
		{"a manifest by another digest", []*exchange{told("PUT", own+"/manifests/"+foreign, body, 201, "")}, own + "/manifests/" + foreign, true},
		{"another manifest", []*exchange{told("PUT", own+"/manifests/v1", body, 201, "")}, own + "/manifests/" + foreign, false},
		{"the manifest elsewhere", []*exchange{told("PUT", own+"/manifests/v1", body, 201, "")}, ledgerBase + "/v2/other/manifests/" + d, false},
		{"a tag of its own", nil, own + "/manifests/v1", true},
		{"a foreign tag", nil, ledgerBase + "/v2/other/manifests/v1", false},
		{"a tag of the repository that was named", nil, ledgerBase + "/v2/run/manifests/v1", false},
		{"a blob of one POST", []*exchange{told("POST", upload+"?digest="+d, body, 201, "")}, own + "/blobs/" + d, true},
		{"a blob that was mounted", []*exchange{told("POST", upload+"?mount="+d+"&from=run/x", "", 201, "")}, own + "/blobs/" + d, true},
		{"a mount that was not made", []*exchange{told("POST", upload+"?mount="+d+"&from=run/x", "", 202, "/s/1")}, own + "/blobs/" + d, false},
		{"a blob of a session", []*exchange{
			told("POST", upload, "", 202, "https://uploads.test/1?state=a"), told("PUT", "https://uploads.test/1?state=a&digest="+d, body, 201, ""),
		}, own + "/blobs/" + d, true},
		{"a blob in chunks", []*exchange{
			told("POST", upload, "", 202, "/s/1?a=1&b=2"), told("PATCH", "http://registry.test/s/1?a=1&b=2", body, 202, "/s/1?a=2&b=2"),
			told("PUT", "http://registry.test/s/1?digest="+d+"&b=2&a=2", "", 201, ""),
		}, own + "/blobs/" + d, true},
		{"well-known content", []*exchange{told("POST", upload+"?digest="+empty, "{}", 201, "")}, own + "/blobs/" + empty, false},
		{"well-known content of a session", []*exchange{
			told("POST", upload, "", 202, upload+"1"), told("PUT", upload+"1?digest="+empty, "{}", 201, ""),
		}, own + "/blobs/" + empty, false},
		{"well-known content that was mounted", []*exchange{
			told("POST", upload+"?digest="+empty, "{}", 201, ""), told("POST", ledgerBase+"/v2/run/x/blobs/uploads/?mount="+empty+"&from=run/r", "", 201, ""),
		}, ledgerBase + "/v2/run/x/blobs/" + empty, false},
		{"a session", []*exchange{told("POST", upload, "", 202, "https://uploads.test/1")}, "https://uploads.test/1", true},
		{"a foreign session", nil, "https://uploads.test/1", false},
		{"a location that is a foreign manifest", []*exchange{told("POST", upload, "", 202, "/prefix/v2/other/manifests/v1")}, ledgerBase + "/v2/other/manifests/v1", false},
		{"a location that is a foreign blob", []*exchange{told("POST", upload, "", 202, "https://other.test/v2/x/blobs/"+foreign)}, "https://other.test/v2/x/blobs/" + foreign, false},
		{"a digest in the answer", []*exchange{told("PUT", own+"/manifests/v1", body, 201, "/prefix/v2/run/r/manifests/"+foreign)}, own + "/manifests/" + foreign, false},
		{"an invalid digest", nil, own + "/blobs/sha256:abc", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLedger(ledgerBase, "run/")
			for _, x := range tt.after {
				l.note(x)
			}
			assert.Equal(t, tt.want, l.allows(tt.delete) == nil, "%v", l.allows(tt.delete))
		})
	}
	l := newLedger(ledgerBase, "run/")
	l.nowhere(digest.Digest(foreign))
	assert.NoError(t, l.allows(own+"/blobs/"+foreign), "a digest of nothing")
}

// TestStatementsAreSelected checks filters against the labels of the statements.
func TestStatementsAreSelected(t *testing.T) {
	for filter, want := range map[string]func(Statement) bool{
		"":                              func(Statement) bool { return true },
		"must":                          func(s Statement) bool { return s.Level == Must },
		"MUST && !ours":                 func(s Statement) bool { return s.Level == Must && s.Source != Ours },
		"!(MUST || MAY) && pull":        func(s Statement) bool { return s.Level == Should && s.Area == Pull },
		"blob-get,end-10 , !(!mount)":   func(s Statement) bool { return s.ID == "blob-get" || s.ID == "mount" || endpoint(s, "end-10") },
		"pull||push&&SHOULD":            func(s Statement) bool { return s.Area == Pull || s.Area == Push && s.Level == Should },
		"rfc9110 && v1.1":               func(s Statement) bool { return false },
		"( ( v1.2-draft ) && !!v1.1 )":  func(s Statement) bool { return s.in(Draft) && s.in(V11) && len(s.Versions) > 0 },
		"image-spec && push && end-7\n": func(s Statement) bool { return s.Source == Image && s.Area == Push && endpoint(s, "end-7") },
	} {
		selected, err := Select(filter)
		assert.NoError(t, err, filter)
		var ids, wanted []string
		for _, s := range selected {
			ids = append(ids, s.ID)
		}
		for _, s := range statements() {
			if want(s) {
				wanted = append(wanted, s.ID)
			}
		}
		assert.Equal(t, wanted, ids, filter)
	}
	for filter, want := range map[string]string{
		"musk": `no statement has the label "musk"`, "!": `want a label, got ""`, "(pull": "want a closing parenthesis", "pull)": `unexpected ")"`,
		"pull push": `unexpected "push"`, "pull & push": `unexpected "&"`, "&& pull": `want a label, got "&&"`, "pull ||": "want a label",
		strings.Repeat("!", 1000) + "pull": "nested too deeply",
	} {
		_, err := Select(filter)
		assert.ErrorContains(t, err, want, filter)
	}
}

func endpoint(s Statement, label string) bool {
	return slices.Contains(s.Labels(), label)
}

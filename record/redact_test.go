package record

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRedactURL(t *testing.T) {
	for _, test := range []struct{ url, want string }{
		{"", ""},
		{"/v2/app/manifests/v1", "/v2/app/manifests/v1"},
		{"/v2/app/blobs/uploads/?digest=sha256:00&_state=a=b", "/v2/app/blobs/uploads/?digest=sha256:00&_state=a=b"},
		{"/token?service=a&scope=repository:app:pull&account=me&offline_token=true", "/token?service=a&scope=repository:app:pull&account=me&offline_token=true"},
		{"/token?password=hush", "/token?password=[redacted]"},
		{"/token?a=1&refresh_token=hush&b=2", "/token?a=1&refresh_token=[redacted]&b=2"},
		{"/?PassWord=hush#access_token=hush", "/?PassWord=[redacted]#access_token=[redacted]"},
		{"/?%70assword=hush&x", "/?%70assword=[redacted]&x"},
		{"/?token=", "/?token="},
		{"/?token", "/?token"},
		{"/?a=b?token=hush", "/?a=b?token=[redacted]"},
		{"/?a=b;token=hush;more", "/?a=b;token=[redacted]"},
		{"/?a=b=c&token=hu=sh&d", "/?a=b=c&token=[redacted]&d"},
		{"https://me:hush@cdn.test/x?y=z", "https://%5Bredacted%5D@cdn.test/x?y=z"},
		{"https://hush@cdn.test", "https://%5Bredacted%5D@cdn.test"},
		{"//me:hu@sh@cdn.test/a@b", "//%5Bredacted%5D@cdn.test/a@b"},
		{"https://cdn.test/a@b", "https://cdn.test/a@b"},
		{"https://s3.test/k?X-Amz-Algorithm=AWS4&X-Amz-Credential=hush&X-Amz-SignedHeaders=host&X-Amz-Signature=hush", "https://s3.test/k?X-Amz-Algorithm=AWS4&X-Amz-Credential=[redacted]&X-Amz-SignedHeaders=host&X-Amz-Signature=[redacted]"},
		{"https://blob.test/k?sv=1&sig=hush%3D&se=2", "https://blob.test/k?sv=1&sig=[redacted]&se=2"},
		{`</v2/app/tags/list?n=1&token=hush>; rel="next"`, `</v2/app/tags/list?n=1&token=[redacted]>; rel="next"`},
	} {
		got := redactURL(test.url)
		assert.Equal(t, test.want, got)
		assert.Equal(t, test.want, redactURL(got), "twice is once")
	}
}

func TestRedactBody(t *testing.T) {
	for _, test := range []struct{ body, want string }{
		{"", ""},
		{"grant_type=password&username=me&password=hu?sh#;hush&client_id=a", "grant_type=password&username=me&password=[redacted]&client_id=a"},
		{"password=hush", "password=[redacted]"},
		{"access_token=hush&scope=&token_type=bearer", "access_token=[redacted]&scope=&token_type=bearer"},
		{`{"token":"hush","expires_in":300}`, `{"token":"[redacted]","expires_in":300}`},
		{` { "access_token" : "hu\"sh" , "refresh_token":"hush", "issued_at":"now" }`, ` { "access_token" : "[redacted]" , "refresh_token":"[redacted]", "issued_at":"now" }`},
		{`{"to\u006ben":"hush","token_type":"Bearer"}`, `{"to\u006ben":"[redacted]","token_type":"Bearer"}`},
		{`{"tokens":["hush",{"x":"seen"}],"a":["seen"]}`, `{"tokens":["[redacted]",{"x":"seen"}],"a":["seen"]}`},
		{`{"token":null,"a":"seen"}`, `{"token":null,"a":"seen"}`},
		{`{"token":"hush`, `{"token":"[redacted]"`},
		{`{"token":"hush\`, `{"token":"[redacted]"`},
		{`{"tok`, `{"tok`},
		{`{"errors":[{"code":"UNAUTHORIZED","message":"no","detail":null}]}`, `{"errors":[{"code":"UNAUTHORIZED","message":"no","detail":null}]}`},
		{"<html>token=hush\n</html>", "<html>token=hush\n</html>"},
	} {
		if strings.HasPrefix(test.body, "<") {
			test.want = strings.ReplaceAll(test.want, "hush", "[redacted]")
		}
		assert.Equal(t, test.want, string(redactBody([]byte(test.body))))
	}
}

func TestRedactValue(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"Authorization", "Bearer hush", "Bearer [redacted]"},
		{"authorization", "basic hush", "basic [redacted]"},
		{"Authorization", "AWS4-HMAC-SHA256 Credential=hush, Signature=hush", "AWS4-HMAC-SHA256 [redacted]"},
		{"Authorization", "hush", "[redacted]"},
		{"Authorization", "hush.hush hush", "[redacted]"},
		{"Authorization", "hushhushhushhushhush hush", "[redacted]"},
		{"Proxy-Authorization", "Basic hush", "Basic [redacted]"},
		{"Cookie", "a=hush; b=hush", "[redacted]"},
		{"Set-Cookie", "a=hush; Secure", "[redacted]"},
		{"SET-COOKIE", "a=hush; Secure", "[redacted]"},
		{"X-Registry-Auth", "hush", "[redacted]"},
		{"Location", "https://a:hush@b/?sig=hush", "https://%5Bredacted%5D@b/?sig=[redacted]"},
		{"Referer", "/?token=hush", "/?token=[redacted]"},
		{"User-Agent", "token=seen", "token=seen"},
		{"X-Unknown", "seen", "seen"},
	} {
		var o Options
		header := func() http.Header {
			var h sentHeader
			h.read(http.Header{test.name: {test.value, test.value}})
			u := &unpacker{b: o.packVarying(o.packHeader(nil, &h), &h), known: map[string]string{}}
			return unpackHeader(u, nil)
		}
		assert.Equal(t, http.Header{test.name: {test.want, test.want}}, header())
		o.KeepSecrets = true
		assert.Equal(t, http.Header{test.name: {test.value, test.value}}, header())
	}
}

func TestSecretParamNames(t *testing.T) {
	for _, name := range []string{"token", "access_token", "REFRESH_TOKEN", "id_token", "client_secret", "X-Amz-Signature", "X-Goog-Credential", "sig", "api_key", "client_assertion", "X-Amz-Security-Token"} {
		assert.True(t, secretParam(name), name)
	}
	for _, name := range []string{"", "n", "last", "digest", "mount", "from", "_state", "tag", "ns", "scope", "service", "account", "client_id", "expires_in", "code", "design", "signed", "token_type"} {
		assert.False(t, secretParam(name), name)
	}
}

// FuzzRedact: whatever it is, redacting does not panic, leaves alone what has no
// secret, and what it leaves of valid JSON is valid JSON.
func FuzzRedact(f *testing.F) {
	for _, seed := range []string{`{"token":"hush"}`, "/?token=hush", "https://a:b@c/?sig=d", `{"a":["token","b"`, "password=x&y", `"\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		redactURL(s)
		got := redactBody([]byte(s))
		if json.Valid([]byte(s)) {
			assert.True(t, json.Valid(got), "%q made of %q", got, s)
		}
		credentials := identityIn(s)
		var f facts
		f.read(credentials.claims)
		assert.LessOrEqual(t, len(f.scopes), maxScopes)
		codesIn([]byte(s))
	})
}

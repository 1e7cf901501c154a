package redact

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// redacts checks what a redactor without a key makes of a text, that one with a key does the same
// with fingerprints, and that twice is once.
func redacts(t *testing.T, want, text string, redact func(Redactor, string) string) {
	t.Helper()
	assert.Equal(t, want, redact(Redactor{}, text), text)
	assert.Equal(t, want, redact(Redactor{}, want), "twice is once")
	assert.Equal(t, text != want, Redacted(want), want)
	keyed := redact(New(), text)
	assert.Equal(t, want, Plain(keyed), text)
	assert.Equal(t, strings.Count(strings.ToLower(want), "redacted"), len(Find(keyed)), keyed)
	assert.Equal(t, keyed, redact(New(), keyed), "twice is once")
	assert.Equal(t, text != want, Redacted(keyed), keyed)
}

func bodyOf(redact func(Redactor, []byte) []byte) func(Redactor, string) string {
	return func(r Redactor, body string) string { return string(redact(r, []byte(body))) }
}

func TestRedactText(t *testing.T) {
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
		// Members of the kind: nested, percent-encoded, without a scheme, in other fields.
		{"/v2/app/blobs/uploads/?mount=sha256:00&from=me:hush@hub.test/lib", "/v2/app/blobs/uploads/?mount=sha256:00&from=[redacted]@hub.test/lib"},
		{"/v2/app/manifests/v1?ns=https%3A%2F%2Fme%3Ahush%40hub.test", "/v2/app/manifests/v1?ns=https%3A%2F%2F%5Bredacted%5D%40hub.test"},
		{"/v2/app/manifests/v1?ns=me%3Ahu%253A%2Fsh%40hub.test&a=b", "/v2/app/manifests/v1?ns=[redacted]%40hub.test&a=b"},
		{"me:hush@hub.test:443", "[redacted]@hub.test:443"},
		{"me:hu=sh@hub.test:443", "[redacted]@hub.test:443"},
		{"me:hu/sh@hub.test", "[redacted]@hub.test"},
		{"https://me:hu/s?h@hub.test/x@y", "https://%5Bredacted%5D@hub.test/x@y"},
		{"0;url=https://me:hush@hub.test/?token=hush", "0;url=https://%5Bredacted%5D@hub.test/?token=[redacted]"},
		{"https://a.test/?next=https%3A%2F%2Fb.test%2F%3Ftoken%3Dhu%2526sh%26a%3Db&c=d", "https://a.test/?next=https%3A%2F%2Fb.test%2F%3Ftoken%3D[redacted]%26a%3Db&c=d"},
		{"https://a.test/?next=https%253A%252F%252Fb.test%252F%253Fpwd%253Dhush%2526a%253Db&c=d", "https://a.test/?next=https%253A%252F%252Fb.test%252F%253Fpwd%253D[redacted]%2526a%253Db&c=d"},
		{"/?token%3Dhush", "/?token%3D[redacted]"},
		{"/?token=hu%26sh&a=b", "/?token=[redacted]&a=b"},
		{"/https:%2F%2Fhush@hub.test/v2/", "/https:%2F%2F%5Bredacted%5D@hub.test/v2/"},
		{"https://a.test/, https://me:hush@b.test/", "https://a.test/, https://%5Bredacted%5D@b.test/"},
		{"/?x=Bearer%20hUsh9&y=Basic+aHVzaA==&z=1", "/?x=Bearer%20[redacted]&y=Basic+[redacted]&z=1"},
		{`Bearer realm="https://a.test/token?password=hush",service="x"`, `Bearer realm="https://a.test/token?password=[redacted]",service="x"`},
		{`a="token=\"hush\"", b`, `a="token=\"[redacted]\"", b`},
		{"/?x=eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.hush&y=z", "/?x=[redacted]&y=z"},
		{"/?x=" + strings.Repeat("%25", 3) + "41", "/?x=" + strings.Repeat("%25", 3) + "41"},
		{"/?x=%" + strings.Repeat("25", maxDepth+1) + "41", placeholder},
		// What only looks like it.
		{"/v2/app/manifests/v1?from=lib:v1@sha256:" + strings.Repeat("0", 64), "/v2/app/manifests/v1?from=lib:v1@sha256:" + strings.Repeat("0", 64)},
		{"hub.test:5000/app@sha256:" + strings.Repeat("0", 64), "hub.test:5000/app@sha256:" + strings.Repeat("0", 64)},
		{"bot/1 (mailto:me@hub.test; +https://hub.test/bot)", "bot/1 (mailto:me@hub.test; +https://hub.test/bot)"},
		{"git@hub.test:app", "git@hub.test:app"},
		{`Bearer realm="https://a.test/token",service="a.test",scope="repository:app:pull",error="invalid_token"`, `Bearer realm="https://a.test/token",service="a.test",scope="repository:app:pull",error="invalid_token"`},
		{`Bearer authorization_uri="https://a.test/x"`, `Bearer authorization_uri="https://a.test/x"`},
		{"bytes=0-99", "bytes=0-99"},
		{"100;w=21600", "100;w=21600"},
		{"application/vnd.oci.image.index.v1+json;q=0.9", "application/vnd.oci.image.index.v1+json;q=0.9"},
		{"/v2/app/blobs/uploads/1?_state=eyJuIjoiYSJ9.eyJ", "/v2/app/blobs/uploads/1?_state=[redacted]"},
		{"/v2/app/blobs/uploads/1?_state=eyJuIjoiYSJ9.c2ln", "/v2/app/blobs/uploads/1?_state=eyJuIjoiYSJ9.c2ln"},
		{"/v2/app/tags/list?next_token=seen&offline_token=true", "/v2/app/tags/list?next_token=seen&offline_token=true"},
		{`</v2/app/tags/list?n=1&token=hush>; rel="next"`, `</v2/app/tags/list?n=1&token=[redacted]>; rel="next"`},
	} {
		redacts(t, test.want, test.url, Redactor.Text)
	}
}

func TestRedactDecodedText(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"docker.io", "docker.io"},
		{"library/alpine", "library/alpine"},
		{"hub.test/app@sha256:" + strings.Repeat("0", 64), "hub.test/app@sha256:" + strings.Repeat("0", 64)},
		{"/?token=hush&hush", "/?token=[redacted]"},
		{"/?a=b&token=hush#hush hush", "/?a=b&token=[redacted]"},
		{"https://me:a hush@hub.test/x", "https://%5Bredacted%5D@hub.test/x"},
		{"me:a&hush@hub.test:443", "[redacted]@hub.test:443"},
	} {
		redacts(t, test.want, test.text, Redactor.DecodedText)
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
		{`{"token":"","a":"seen"}`, `{"token":"","a":"seen"}`},
		{`{"token":null,"a":"seen"}`, `{"token":null,"a":"seen"}`},
		{`{"token":"hush`, `{"token":"[redacted]"`},
		{`{"token":"hush\`, `{"token":"[redacted]"`},
		{`{"tok`, `{"tok`},
		{`{"errors":[{"code":"UNAUTHORIZED","message":"no","detail":null}]}`, `{"errors":[{"code":"UNAUTHORIZED","message":"no","detail":null}]}`},
		{"grant_type=authorization_code&code=hush&client_id=a", "grant_type=authorization_code&code=[redacted]&client_id=a"},
		{`{"config":"{\"password\":\"hush\",\"a\":\"<seen>\"}","b":1}`, `{"config":"{\"password\":\"[redacted]\",\"a\":\"<seen>\"}","b":1}`},
		{`{"a":" [{\"b\":\"{\\\"token\\\":\\\"hush\\\"}\"}]"}`, `{"a":"[{\"b\":\"{\\\"token\\\":\\\"[redacted]\\\"}\"}]"}`},
		{`{"a":"{\u0022token\u0022:\u0022hush\u0022}"}`, `{"a":"{\"token\":\"[redacted]\"}"}`},
		{`{"a":"{\"token\":\"hush`, `{"a":"[redacted]"`},
		{`{"a":"{\"b\":\"seen\"}","c":"{","d":"\\{\"","e":"`, `{"a":"{\"b\":\"seen\"}","c":"{","d":"\\{\"","e":"`},
		{"<html>token=hush\n</html>", "<html>token=hush\n</html>"},
	} {
		if strings.HasPrefix(test.body, "<") {
			test.want = strings.ReplaceAll(test.want, "hush", "[redacted]")
		}
		redacts(t, test.want, test.body, bodyOf(Redactor.Body))
	}
}

// TestRedactBodies passes bodies that are neither JSON nor a form.
func TestRedactBodies(t *testing.T) {
	multipart := "--X\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhush\r\n--X--\r\n"
	for body, want := range map[string]string{
		"password=hush&a=b\n":  "password=[redacted]&a=b\n",
		multipart:              placeholder,
		`<a password="hush"/>`: placeholder,
		"hush":                 placeholder,
		"":                     "",
	} {
		redacts(t, want, body, bodyOf(Redactor.TokenRequest))
	}
	for body, want := range map[string]string{
		"bad gateway": "bad gateway",
		`{"errors":[{"code":"TOOMANYREQUESTS"}],"token":"hush"}`: `{"errors":[{"code":"TOOMANYREQUESTS"}],"token":"[redacted]"}`,
		"no https://me:hush@hub.test":                            "no https://%5Bredacted%5D@hub.test",
	} {
		redacts(t, want, body, bodyOf(Redactor.ErrorBody))
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
		{"Referer", "https://a:hush@b/?x=https%3A%2F%2Fc%3Ahush%40d", "https://%5Bredacted%5D@b/?x=https%3A%2F%2F%5Bredacted%5D%40d"},
		{"X-Original-Url", "https://a:hush@b/?pwd=hush&x=1", "https://%5Bredacted%5D@b/?pwd=[redacted]&x=1"},
		{"Refresh", "0;url=https://b/?passphrase=hush", "0;url=https://b/?passphrase=[redacted]"},
		{"Destination", "https://b/?private_key=hush", "https://b/?private_key=[redacted]"},
		{"X-Vault-Token", "hush", "[redacted]"},
		{"X-Registry-Token", "hush", "[redacted]"},
		{"Docker-Authorization", "hush", "[redacted]"},
		{"Docker-Authorization", "Basic hush", "Basic [redacted]"},
		{"Api-Key", "hush", "[redacted]"},
		{"Cf-Access-Client-Secret", "hush", "[redacted]"},
		{"X-Anything", "Bearer hUsh9", "Bearer [redacted]"},
		{"X-Amzn-Oidc-Data", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.hush", "[redacted]"},
		{"User-Agent", "x token=hush", "x token=[redacted]"},
		{"User-Agent", "crane/v0.20.3 (linux; amd64)", "crane/v0.20.3 (linux; amd64)"},
		{"Www-Authenticate", "Basic realm=\"seen\"", "Basic realm=\"seen\""},
		{"Access-Control-Allow-Credentials", "true", "true"},
		{"X-Docker-Token", "true", "true"},
		{"X-Unknown", "seen", "seen"},
	} {
		redacts(t, test.want, test.value, func(r Redactor, value string) string {
			h := http.Header{test.name: {value, value}}
			r.Header(h)
			assert.Equal(t, h[test.name][0], h[test.name][1])
			return h[test.name][0]
		})
	}
}

func TestSecretNames(t *testing.T) {
	for _, name := range []string{
		"token", "access_token", "REFRESH_TOKEN", "id_token", "ToKeN", "client_secret", "X-Amz-Signature", "X-Goog-Credential", "sig", "api_key",
		"client_assertion", "X-Amz-Security-Token", "accessToken", "apiKey", "APIKEY", "pwd", "passphrase", "PassWord", "private_key",
		"user[password]", "%70assword", "key", "auth", "X-Vault-Token", "X-Registry-Token", "Docker-Authorization", "X-Forwarded-Authorization",
		"Api-Key", "X-Api-Key", "Ocp-Apim-Subscription-Key", "X-Functions-Key", "Cf-Access-Client-Secret", "Cf-Access-Jwt-Assertion",
		"X-Auth", "X-Auth-Key", "X-Csrf-Token", "X-Github-Otp", "X-Hub-Signature-256", "X-Access-Token", "X-Gitlab-Token", "Deploy-Token",
		"X-Consul-Token", "X-Ms-Token-Aad-Access-Token", "X-Plex-Token", "X-Forwarded-Access-Token", "X-Session-Id", "jsessionid",
		"X-Amz-Server-Side-Encryption-Customer-Key", "code_verifier", "device_code", "auth_key", "X-Docker-Auth", "Cookie2", "secret_id",
		"Dpop", "DPoP", "X-Wsse", "SAMLResponse", "AWSAuth", "APIKey", "SASKey",
	} {
		assert.NotEmpty(t, kindOf(name), name)
	}
	for _, name := range []string{
		"", "-", "n", "last", "digest", "mount", "from", "_state", "tag", "ns", "scope", "service", "account", "client_id", "expires_in", "code", "design",
		"signed", "token_type", "issued_token_type", "artifactType", "Accept", "Docker-Content-Digest", "X-Request-Id", "X-Amz-Request-Id",
		"X-Github-Request-Id", "Www-Authenticate", "X-Amz-SignedHeaders", "X-Amz-Algorithm", "X-Amz-Expires", "Docker-Upload-Uuid",
		"Oci-Subject", "Access-Control-Allow-Credentials", "Access-Control-Allow-Headers", "Sec-Websocket-Key", "X-Cache-Key", "Idempotency-Key",
		"Surrogate-Key", "Key-Pair-Id", "X-Auth-User", "X-Auth-Request-Email", "X-Remote-User", "X-Authenticated-Userid", "authorization_uri",
		"token_endpoint", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "next_token", "continuationToken", "X-Keyboard", "X-Monkey", "X-Compass",
		"X-Spinner", "X-Original-Url", "Location", "Etag", "Server", "Traceparent", "X-Ratelimit-Remaining", "Content-Range", "author",
	} {
		assert.Empty(t, kindOf(name), name)
	}
}

// TestRedactIsLinear passes texts that would take minutes if the time were not linear
// in their length.
func TestRedactIsLinear(t *testing.T) {
	for _, part := range []string{
		"=", "a=", "token=", "//", "//a:b", "@", "a:b@", "/a:b", "eyJ", "eyJ.", "eyJ.eyJ", "%25", "%2F%2Fa:b", "=Bearer ", "\\", "=\\", `="`, "a/", "//%2F",
	} {
		text := strings.Repeat(part, 1<<16/len(part))
		for _, s := range []string{text, text + "@", "token=" + text, "//" + text + "@"} {
			Redactor{}.Text(s)
		}
		Redactor{}.Body([]byte(text))
	}
}

// FuzzRedact: whatever it is, redacting does not panic, leaves alone what has no
// secret, and what it leaves of valid JSON is valid JSON.
func FuzzRedact(f *testing.F) {
	for _, seed := range []string{`{"token":"hush"}`, "/?token=hush", "https://a:b@c/?sig=d", `{"a":["token","b"`, "password=x&y", `"\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := New().Text(s)
		assert.Equal(t, once, New().Text(once), "%q made of %q", once, s)
		got := New().Body([]byte(s))
		if json.Valid([]byte(s)) {
			assert.True(t, json.Valid(got), "%q made of %q", got, s)
		}
		assert.LessOrEqual(t, len(Identify(s).Scopes), maxScopes)
	})
}

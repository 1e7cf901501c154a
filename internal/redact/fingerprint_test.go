package redact

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// places put a secret where it may be, and redact it.
var places = map[string]struct {
	kind   string
	redact func(r Redactor, s string) string
}{
	"Bearer":             {token, field("Authorization", "Bearer ")},
	"Bearer by proxy":    {token, field("Proxy-Authorization", "bearer  ")},
	"unknown scheme":     {secret, func(r Redactor, s string) string { return r.Field("Authorization", strings.ReplaceAll(s, " ", "")) }},
	"Basic":              {password, func(r Redactor, s string) string { return r.Field("Authorization", "Basic "+basic("ann:"+s)) }},
	"Basic with no user": {password, func(r Redactor, s string) string { return r.Field("X-Auth", "basic "+basic(":"+s)) }},
	"field":              {token, field("X-Vault-Token", "")},
	"key":                {secret, field("X-Api-Key", "")},
	"scheme in field":    {token, field("X-Auth-Token", "Bearer ")},
	"cookie":             {secret, field("Cookie", "")},
	"form":               {password, form("grant_type=password&password=", "&scope=x")},
	"refresh":            {token, form("service=x&refresh_token=", "\n")},
	"code":               {secret, form("code=", "&a=b")},
	"query":              {password, text("/token?a=b&password=", "&c=d")},
	"token in query":     {token, text("/token?access_token=", "#x")},
	"signature":          {secret, text("https://cdn.test/x?se=1&sig=", "")},
	"fragment":           {token, text("https://hub.test/#id_token=", "&a=b")},
	"scheme in query":    {token, text("/x?auth=Bearer+", "&a=b")},
	"login in query":     {password, func(r Redactor, s string) string { return r.Text("/?auth=Basic+" + url.QueryEscape(basic("ann:"+s))) }},
	"nested":             {password, nested("/?next=", "https://b.test/?pwd=", "&a=b")},
	"nested deeply":      {password, nested("/?next=", "https://a.test/?b="+url.QueryEscape("https://b.test/?pwd="), "")},
	"user": {password, func(r Redactor, s string) string {
		return r.Text("https://" + url.UserPassword("ann", s).String() + "@b.test/?x=y")
	}},
	"user alone": {secret, func(r Redactor, s string) string { return r.Text("https://" + url.User(s).String() + "@b.test") }},
	"token as user": {token, func(r Redactor, s string) string {
		return r.Text("//" + url.UserPassword(s, noPassword).String() + "@b.test/x")
	}},
	"user in query": {password, func(r Redactor, s string) string {
		return r.Text("/?ns=" + url.QueryEscape("https://"+url.UserPassword("ann", s).String()+"@b.test"))
	}},
	"user without scheme": {password, func(r Redactor, s string) string {
		return r.Text("/?from=" + url.QueryEscape(url.UserPassword("ann", s).String()+"@b.test/lib"))
	}},
	"token answer":   {token, answer(func(s string) any { return map[string]any{"expires_in": 1, "token": s} })},
	"unknown member": {secret, answer(func(s string) any { return map[string]any{"value": s} })},
	"array":          {token, answer(func(s string) any { return map[string]any{"a": []string{}, "tokens": []string{s}} })},
	"JSON":           {password, text(`{"a":1,"password":`, "}")},
	"JSON in JSON":   {token, answer(func(s string) any { return map[string]any{"scope": marshal(map[string]any{"token": s})} })},
	"URL in JSON": {password, func(r Redactor, s string) string {
		return string(r.ErrorBody([]byte(marshal(map[string]any{"message": "no https://hub.test/?a=b&password=" + url.QueryEscape(s) + "&c=d"}))))
	}},
	"change": {token, func(r Redactor, s string) string { return r.Text("/?x=y#token=" + url.QueryEscape(s)) }},
}

// ambiguous are the parts of secrets that separate something else in some places.
var ambiguous = map[string][]string{
	"unknown scheme":      {" "},
	"user":                {"&", ";", ","},
	"user in query":       {"&", ";", ","},
	"user alone":          {"&", ";", ","},
	"token as user":       {"&", ";", ","},
	"user without scheme": {"&", ";", ",", "//"},
}

func field(name, before string) func(Redactor, string) string {
	return func(r Redactor, s string) string { return r.Field(name, before+s) }
}

func form(before, after string) func(Redactor, string) string {
	return func(r Redactor, s string) string {
		return string(r.TokenRequest([]byte(before + url.QueryEscape(s) + after)))
	}
}

func text(before, after string) func(Redactor, string) string {
	return func(r Redactor, s string) string {
		if strings.HasPrefix(before, "{") {
			return string(r.Body([]byte(before + marshal(s) + after)))
		}
		return r.Text(before + url.QueryEscape(s) + after)
	}
}

func nested(before, inner, after string) func(Redactor, string) string {
	return func(r Redactor, s string) string {
		for range strings.Count(inner, "%3F") {
			s = url.QueryEscape(s)
		}
		return r.Text(before + url.QueryEscape(inner+url.QueryEscape(s)+after))
	}
}

func answer(object func(s string) any) func(Redactor, string) string {
	return func(r Redactor, s string) string { return string(r.TokenAnswer([]byte(marshal(object(s))), true)) }
}

func marshal(value any) string {
	b, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// sameEverywhere checks that a secret has the same fingerprint in all places, and is in none of them.
func sameEverywhere(t *testing.T, r Redactor, s string) (fingerprint string) {
	t.Helper()
	fingerprint = r.fingerprint(s)
	for name, place := range places {
		if slices.ContainsFunc(ambiguous[name], func(part string) bool { return strings.Contains(s, part) }) {
			continue
		}
		got := place.redact(r, s)
		assert.Equal(t, []Secret{{place.kind, fingerprint}}, Find(got), "%s: %q in %s", name, s, got)
		without := Plain(place.redact(r, "x1y"))
		assert.Equal(t, without, Plain(got), "%s: what is around the secret", name)
		again, err := url.QueryUnescape(strings.ReplaceAll(got, "+", "%2B"))
		require.NoError(t, err)
		assert.Equal(t, Find(got), Find(again), "it is found when the text is decoded")
	}
	return fingerprint
}

func TestFingerprints(t *testing.T) {
	r := New()
	all := map[string]string{}
	for _, s := range []string{
		"x", "hush", "hu sh", "hu+sh", "hu%2Bsh", "hu%20sh", "hu%41sh", "100%", "%zz", "a:b", ":b", "a:b@c", "p@ss", "//a:b@c", "/", "a/b?c#d&e=f;g", "=", "a=b",
		`"hush"`, `\hush\`, `hu"sh`, `hu\"sh`, "hu'sh", "<hush>", "hüsh", "\u2028", "a\tb", "{hush", "[hush]", `{"a":"b"}`, "eyJhIjoxfQ.eyJiIjoyfQ.c2ln",
		"eyJhIjoxfQ.eyJiIjoyfQ.c2lo", "[redacted", "[redacted:", "[redacted:token:0123456789abcde]", "TRUE1", "null", basic("ann:hush"), strings.Repeat("long", 1<<10),
	} {
		fingerprint := sameEverywhere(t, r, s)
		assert.Len(t, fingerprint, fingerprintDigits)
		assert.Empty(t, all[fingerprint], s)
		all[fingerprint] = s
		assert.NotEqual(t, fingerprint, New().fingerprint(s), "another key")
	}
}

// FuzzFingerprints: secrets are equal if and only if their fingerprints are, wherever they are.
func FuzzFingerprints(f *testing.F) {
	f.Add("hush", "hu+sh")
	f.Add("a%25b", "a%b")
	f.Fuzz(func(t *testing.T, s, other string) {
		if !isTestSecret(s) || s == other {
			return
		}
		r := New()
		assert.NotEqual(t, r.fingerprint(other), sameEverywhere(t, r, s))
	})
}

// isTestSecret reports whether a text can be a secret in all places.
func isTestSecret(s string) bool {
	_, shallow := decodeAll(url.QueryEscape(url.QueryEscape(url.QueryEscape(s))))
	start := strings.IndexAny(s, " ")
	return s != "" && shallow && utf8.ValidString(s) && strings.Trim(s, " \r\n\t") == s && !strings.ContainsAny(s, "\r\n;") && s != noPassword &&
		!harmlessValue(s) && !isPlaceholder(s) && Scheme(s) == "" && !(start > 0 && schemes[strings.ToLower(s[:start])] != "")
}

// What cannot be taken apart has the fingerprint of the whole value.
func TestFingerprintOfTheWhole(t *testing.T) {
	r := New()
	for _, test := range []struct {
		got, kind, whole string
	}{
		{r.Field("Authorization", "Basic !hush"), secret, "!hush"},
		{r.Field("Authorization", "Basic "+basic("hush")), secret, "hush"},
		{r.Field("Authorization", "Basic "+basic("hush:")), token, "hush"},
		{r.Field("Authorization", "Digest username=x, response=hush"), secret, "username=x, response=hush"},
		{r.Field("Authorization", "my hush"), secret, "my hush"},
		{r.Field("Cookie", "a=hush; b=hush"), secret, "a=hush; b=hush"},
		{r.Field("Set-Cookie", "a=hush; Secure"), secret, "a=hush"},
		{string(r.TokenRequest([]byte("<hush/>"))), secret, "<hush/>"},
		{string(r.Body([]byte(`{"token":"hu\"sh`))), token, `hu"sh`},
		{r.Text("https://ann:a%2Fb%3Fc%23d&e=f;g,h@b.test"), password, "a/b?c#d&e=f;g,h"},
		{r.Text("/?x=%" + strings.Repeat("25", maxDepth+1) + "41"), secret, "/?x=%" + strings.Repeat("25", maxDepth+1) + "41"},
	} {
		if test.whole == `hu"sh` { // a string that is cut off is taken as it is written
			test.whole = `hu\"sh`
		}
		assert.Equal(t, []Secret{{test.kind, r.fingerprint(test.whole)}}, Find(test.got), test.whole)
	}
	header := http.Header{"Authorization": {"Bearer a", "Bearer b"}}
	r.Header(header)
	assert.NotEqual(t, header["Authorization"][0], header["Authorization"][1])
}

func TestPlaceholders(t *testing.T) {
	const digits = "0123456789abcdef"
	for text, want := range map[string][]Secret{
		"":                              nil,
		"[redacted]":                    nil,
		"[redacted:token:" + digits:     nil,
		"[redacted::" + digits + "]":    nil,
		"[redacted:key:" + digits + "]": nil,
		"[redacted:token:" + strings.ToUpper(digits) + "]":               nil,
		"[redacted:token:" + digits + "0]":                               nil,
		"[redacted:token:" + digits + "]":                                {{token, digits}},
		"[[redacted:secret:" + digits + "]]":                             {{secret, digits}},
		"%5Bredacted%3apassword%3A" + digits + "%5d@":                    {{password, digits}},
		"%255Bredacted%253Apassword%253A" + digits + "%255D":             {{password, digits}},
		"[redacted:[redacted:token:" + digits + "]":                      {{token, digits}},
		"[redacted:token:" + digits + "][redacted:token:" + digits + "]": {{token, digits}, {token, digits}},
	} {
		assert.Equal(t, want, Find(text), text)
		assert.Equal(t, want != nil, Plain(text) != text, text)
		assert.Equal(t, want != nil || text == placeholder, Redacted(text), text)
	}
	assert.Equal(t, "a[redacted]b%5Bredacted%5D", Plain("a[redacted:token:"+digits+"]b%5Bredacted:token:"+digits+"%5D"))
}

// TestKeyIsHidden: no value has the key, or a pointer to it.
func TestKeyIsHidden(t *testing.T) {
	key := []byte("0123456789abcdefghijklmnopqrstuv")
	r := withKey(key)
	require.NotEqual(t, r.fingerprint("a"), r.fingerprint("b"))
	value := reflect.ValueOf(r)
	for i := range value.NumField() {
		assert.Equal(t, reflect.Func, value.Field(i).Kind(), "printers show what is not a function")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s", "%q", "%d"} {
		for _, of := range []any{r, &r, struct{ r *Redactor }{&r}} {
			printed := fmt.Sprintf(verb, of)
			for _, form := range []string{string(key), hex.EncodeToString(key), strings.Trim(fmt.Sprint(key), "[]"), strings.Trim(fmt.Sprintf("%#v", key), "[]byte{}")} {
				assert.NotContains(t, printed, form, verb)
			}
		}
	}
}

func BenchmarkFingerprint(b *testing.B) {
	r, token := New(), strings.Repeat("x", 1<<10)
	b.ReportAllocs()
	for b.Loop() {
		r.fingerprint(token)
	}
}

package faults_test

import (
	"encoding/json"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	conf "github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/yamltext"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

const layer = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

// on returns a rule that does nothing.
func on(name string, ops ...op.Op) faults.Rule {
	return faults.On(ops...).Named(name).Do(faults.Pass())
}

func disabled(r faults.Rule) faults.Rule {
	r.Flags.Disabled = true
	return r
}

// odd is a text that needs care in JSON and in YAML.
const odd = "a: \"b\" # 'c'\r\n\t- {D} \\u0041 <&> \u2028 \U0001F600 \x00\x1b\x7f"

// oddField is what of it a header field can have.
const oddField = "a: \"b\" # 'c'\t- {D} \\u0041 <&> \u2028 \U0001F600"

// samples are effects of each kind, with all arguments and with as few as can be.
var samples = map[string][]faults.Effect{
	"status": {
		faults.Status(503),
		faults.Status(429).RetryAfter(1500*time.Millisecond).Header("X-Rate", "1", oddField).Header("X-Other", ""),
		faults.Status(503).RetryAt(2*time.Hour).Error("TOOMANYREQUESTS", odd).Detail(map[string]any{"a": []any{1.5, "x", nil, true}}),
		faults.Status(500).HTML().Type("text/plain"),
		faults.Status(200).Body("application/json", odd),
		faults.Status(200).Body("", ""),
		faults.Status(400).Detail(odd),
	},
	"redirect":          {faults.Redirect(307, "{cdn}"), faults.Redirect(302, oddField)},
	"delay":             {faults.Delay(0), faults.Delay(1500 * time.Millisecond), faults.Delay(math.MaxInt64)},
	"delay-reply":       {faults.DelayReply(0), faults.DelayReply(time.Nanosecond)},
	"stall":             {faults.Stall(0, 0), faults.Stall(1<<40, time.Hour)},
	"trickle":           {faults.Trickle(1, time.Second), faults.Bandwidth(1000).OfRequest()},
	"close":             {faults.Close(0), faults.Close(100).OfRequest()},
	"reset":             {faults.Reset(0), faults.Reset(math.MaxInt64).OfRequest()},
	"reset-stream":      {faults.ResetStream(0).Code(7), faults.ResetStream(5).Code(math.MaxUint32).OfRequest()},
	"goaway":            {faults.GoAway(0), faults.GoAway(5).Code(11)},
	"goaway-graceful":   {faults.GoAwayGracefully()},
	"lose-reply":        {faults.LoseReply()},
	"truncate":          {faults.Truncate(0), faults.Truncate(10)},
	"raw":               {faults.Raw(""), faults.Raw(odd)},
	"close-idle":        {faults.CloseIdle()},
	"corrupt":           {faults.Corrupt(0), faults.Corrupt(-1), faults.Corrupt(math.MinInt64)},
	"zeros":             {faults.Zeros()},
	"content-of":        {faults.ContentOf(layer)},
	"compress":          {faults.Compress("gzip"), faults.Compress("zstd").WithLength(), faults.Compress("deflate").WithPlainLength()},
	"multipart":         {faults.Multipart(), faults.Multipart().WithWrongBoundary()},
	"ignore-range":      {faults.IgnoreRange()},
	"shift-range":       {faults.ShiftRange(-5), faults.ShiftRange(1).Claimed()},
	"trailer":           {faults.Trailer("X-Sum", oddField)},
	"ignore-pings":      {faults.IgnorePings()},
	"withhold-windows":  {faults.WithholdWindows()},
	"withhold-continue": {faults.WithholdContinue()},
	"bare-lf":           {faults.BareLF()},
	"set-status":        {faults.SetStatus(201)},
	"set-header":        {faults.SetHeader("Content-Length", "0"), faults.SetHeader("X-Odd", oddField, "", "true", "1", "~", "2026-01-01")},
	"add-header":        {faults.AddHeader("Link", `<{target}>; rel="next"`)},
	"drop-header":       {faults.DropHeader("Docker-Content-Digest")},
	"rate-limit": {
		faults.RateLimit(100, 6*time.Hour),
		faults.RateLimit(1<<30, time.Second).OfBytes().By(faults.Subject).Header("X-Limit", "{limit}", oddField).Header("X-Left", "{remaining}"),
		faults.RateLimit(1, time.Minute).By(faults.Repository).NoHeader().Answer(faults.Status(503).Header("Retry-After", "{reset}")),
	},
	"concurrency": {faults.Concurrency(1), faults.Concurrency(math.MaxInt64).By(faults.Address).Answer(faults.Status(503).HTML())},
	"ceiling":     {faults.Ceiling(1), faults.Ceiling(4 << 20).OfUpload().Answer(faults.Status(416).Error("SIZE_INVALID", "{limit}"))},
	"set-field": {
		faults.SetField("expires_in", "300"), faults.SetField("tags", nil), faults.SetField("a", json.RawMessage("123456789012345678901234567890.10")),
		faults.SetField(`annotations.a\.b.*`, map[string]any{"a": []any{1, true, odd}}).WithDigest(),
	},
	"drop-field":          {faults.DropField("issued_at"), faults.DropField("manifests.0").WithDigest()},
	"rename-field":        {faults.RenameField("token", "access_token"), faults.RenameField("*", odd).WithDigest()},
	"replace-text":        {faults.ReplaceText("a", ""), faults.ReplaceText(odd, odd+odd).WithDigest()},
	"location":            {faults.Location{DropQuery: true}, faults.Location{Scheme: "ftp", Host: "a", Path: oddField, Absolute: true}},
	"set-request-header":  {faults.SetRequestHeader("Accept", "*/*"), faults.SetRequestHeader("X-Odd", oddField, "")},
	"drop-request-header": {faults.DropRequestHeader("Range")},
	"drop-query":          {faults.DropQuery()},
	"set-host":            {faults.SetHost("registry.example:5000"), faults.SetHost("[::1]")},
	"lose-upload":         {faults.LoseUpload()},
	"revoke-tokens":       {faults.RevokeTokens()},
	"drop-chunk":          {faults.DropChunk()},
	"refuse-mount":        {faults.RefuseMount()},
	"digest-tags":         {faults.DigestTags()},
	"vanish":              {faults.Vanish()},
	"hide":                {faults.Hide(1, 0), faults.Hide(0, time.Second)},
	"stale-tag":           {faults.StaleTag(3, time.Minute)},
	"lag-tags":            {faults.LagTags(0, time.Millisecond)},
	"late-delete":         {faults.LateDelete(2, 0), faults.LateDelete(1, time.Second)},
	"shift-progress":      {faults.ShiftProgress(1), faults.ShiftProgress(-5)},
	"stuck-progress":      {faults.StuckProgress()},
	"refuse-stale":        {faults.RefuseStale()},
	"immutable":           {faults.Immutable(faults.Status(400).Error("DENIED", odd))},
	"refuse":              {faults.Refuse()},
	"silence":             {faults.Silence()},
	"tls":                 {faults.FailHandshake(), faults.ExpiredCertificate(), faults.CertificateFor("other.example")},
	"func":                {faults.Func(odd, passOn)},
	"pass":                {faults.Pass()},
	"all":                 {faults.All(faults.Pass(), faults.All(faults.Close(1), faults.Zeros()), faults.Status(500))},
}

func passOn(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
	next.ServeHTTP(w, r)
	return true
}

// onConnect are the effects that do not act on requests.
var onConnect = map[string]bool{"refuse": true, "silence": true, "tls": true}

func TestEveryKindHasText(t *testing.T) {
	kinds := effect.Kinds()
	require.Len(t, kinds, len(samples))
	for _, kind := range kinds {
		t.Run(kind.Name, func(t *testing.T) {
			assert.NotEmpty(t, kind.Doc)
			for _, a := range kind.Args {
				assert.NotEmpty(t, a.Doc, a.Name)
			}
			require.NotEmpty(t, samples[kind.Name], "a new kind of effect needs a sample here")
			rule := faults.On()
			if onConnect[kind.Name] {
				rule = faults.OnConnect()
			}
			for _, effect := range samples[kind.Name] {
				if kind.Name != "func" { // text can only list it
					sameInText(t, rule.Do(effect))
				}
				text, err := json.Marshal(rule.Do(effect))
				require.NoError(t, err)
				assert.Contains(t, string(text), `"do":[`)
				assert.Contains(t, string(text), `"`+kind.Name+`"`)
			}
			if kind.Name != "func" {
				sameInText(t, rule.Seq(samples[kind.Name]...))
			}
		})
	}
}

// TestFuncInText: a function is listed by its name, and text cannot have one.
func TestFuncInText(t *testing.T) {
	text, err := json.Marshal(faults.On().Named("own").Do(faults.Func("slow body", passOn)))
	require.NoError(t, err)
	assert.JSONEq(t, `{"name":"own","do":[{"func":{"name":"slow body"}}]}`, string(text))
	var rule faults.Rule
	assert.EqualError(t, json.Unmarshal(text, &rule),
		`rule "own": func: "slow body" is a function of a Go program, which text can only list by its name: use faults.Func in Go`)
	_, err = conf.Rules([]byte("do: [func: slow body]"))
	assert.ErrorContains(t, err, `func: "slow body" is a function of a Go program`)
}

// sameInText writes a rule as JSON and as YAML, and wants the same rule to be read
// from both.
func sameInText(t *testing.T, rule faults.Rule) {
	t.Helper()
	written, err := json.Marshal(rule)
	require.NoError(t, err)
	indented, err := json.MarshalIndent(rule, "", "\t")
	require.NoError(t, err)
	block, err := yamltext.Marshal(rule)
	require.NoError(t, err)
	for form, text := range map[string][]byte{"JSON": written, "indented JSON": indented, "YAML": block} {
		rules, err := conf.Rules(text)
		require.NoError(t, err, "%s: %s", form, text)
		require.Len(t, rules, 1)
		again, err := json.Marshal(rules[0])
		require.NoError(t, err)
		require.Equal(t, string(written), string(again), "%s: %s", form, text)
	}
}

func TestRuleText(t *testing.T) {
	base := on("")
	for name, rule := range map[string]faults.Rule{
		"bare":        base,
		"name":        base.Named(odd),
		"number name": base.Named("123"),
		"true name":   base.Named("true"),
		"null name":   base.Named("null"),
		"counts":      base.After(1).Every(2).Times(3),
		"high counts": base.After(math.MaxInt64).Every(math.MaxInt64).Times(math.MaxInt64),
		"for":         base.For(90 * time.Minute),
		"probability": base.WithProbability(0.1, math.MaxUint64),
		"seldom":      base.WithProbability(1e-9, 1),
		"flags":       disabled(base.Optional().BeforeAuth().Continue()),
		"connection":  faults.OnConnect().Do(faults.Delay(time.Second), faults.Raw("x")),
		"filters":     faults.On(op.BlobGet, op.BlobHead).Repo("lib/*", "a,b").Where(record.Not(record.Authenticated()), record.Header("User-Agent", odd)).Do(faults.Pass()),
		"all":         base.Where(record.Filter{}),
		"until":       base.Until(record.Op(op.ManifestPut), record.Tag("v1"), record.Digest(layer)),
		"steps":       faults.On().Seq(faults.Pass(), faults.Status(500), faults.All(faults.Zeros())),
	} {
		t.Run(name, func(t *testing.T) { sameInText(t, rule) })
	}
}

func TestRuleJSON(t *testing.T) {
	rule := faults.On(op.BlobGet).Repo("lib/*").Named("slow").After(1).Times(2).For(time.Minute).
		Do(faults.Delay(2*time.Second), faults.Status(503).RetryAt(time.Second), faults.Pass())
	text, err := json.Marshal(rule)
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"name": "slow", "where": "op=blob.get repo=lib/*", "after": 1, "times": 2, "for": "1m0s",
		"do": [{"delay": {"for": "2s"}}, {"status": {"code": 503, "retryAfter": "date:1s"}}, "pass"]
	}`, string(text))
	var read faults.Rule
	require.NoError(t, json.Unmarshal(text, &read))
	assert.Equal(t, rule.String(), read.String())
	var list []faults.Rule
	require.NoError(t, json.Unmarshal([]byte(`[{"do":["pass"]},{"seq":["pass"]}]`), &list))
	assert.Len(t, list, 2)
	assert.EqualError(t, json.Unmarshal([]byte("[]"), &read), "want fields with names and values, not a list")
	assert.EqualError(t, json.Unmarshal([]byte(`{"do": [{"status": {"cod": 1}}]}`), &read), "do[0].status.cod: unknown field: did you mean code?")

	_, err = json.Marshal(on("a").Where(record.Match(func(*record.Exchange) bool { return true })))
	assert.ErrorContains(t, err, `faults: rule "a": filter "match": there is nothing called "match" to filter by`)
	_, err = json.Marshal(on("b").Until(record.Match(func(*record.Exchange) bool { return true })))
	assert.ErrorContains(t, err, `faults: rule "b": filter "match"`)

	_, err = json.Marshal(on("binary").Do(faults.Raw("\x15\x03\xff")))
	assert.ErrorContains(t, err, `faults: rule "binary" has bytes that are not UTF-8, and so no text`)
	sameInText(t, faults.On().Seq(faults.Raw(`\ufffd \\ufffd "\`), faults.Raw("\ufffd")))
}

// textOf writes rules as JSON.
func textOf(t *testing.T, rules []faults.Rule) string {
	t.Helper()
	text, err := json.MarshalIndent(rules, "", "  ")
	require.NoError(t, err)
	return string(text)
}

// The ways to write the same.
func TestParseForms(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []faults.Rule
	}{
		"nothing":      {"", nil},
		"a comment":    {"# no rules\n", nil},
		"null":         {"null", nil},
		"no rules":     {"[]", nil},
		"a rule":       {"do: [pass]", []faults.Rule{on("")}},
		"a list":       {"- do: [pass]\n- name: b\n  do: [pass]\n", []faults.Rule{on(""), on("b")}},
		"marked start": {"---\ndo: [pass]\n", []faults.Rule{on("")}},
		"end of file":  {"do: [pass]\n...\n", []faults.Rule{on("")}},
		"CRLF":         {"name: a\r\ndo:\r\n- pass\r\n", []faults.Rule{on("a")}},
		"comments":     {"# a\n- name: b # c\n  # d\n  do: [pass] # e\n", []faults.Rule{on("b")}},
		"block text":   {"name: |-\n  a\ndo: [pass]\n", []faults.Rule{on("a")}},
		"quoted keys":  {`{"do": ["pass"]}`, []faults.Rule{on("")}},
		"tabs in JSON": {"{\n\t\"name\":\t\"a\\tb\",\n\t\"do\":\t[\n\t\t\"pass\"\n\t]\n}\n", []faults.Rule{on("a\tb")}},
		"main argument": {
			"do: [delay: 2s, close: 10, stale-tag: 2, set-header: {name: A, values: [b]}, status: 503]\n",
			[]faults.Rule{faults.On().Do(
				faults.Delay(2*time.Second), faults.Close(10), faults.StaleTag(2, 0), faults.SetHeader("A", "b"),
				faults.Status(503))},
		},
		"no arguments": {
			"seq: [close, {close: }, {close: null}, {close: {}}, {zeros: }, {zeros: {}}]",
			[]faults.Rule{faults.On().Seq(
				faults.Close(0), faults.Close(0), faults.Close(0), faults.Close(0), faults.Zeros(), faults.Zeros())},
		},
		"steps": {"seq: [pass, {all: [pass, status: 500]}]", []faults.Rule{
			faults.On().Seq(faults.Pass(), faults.All(faults.Pass(), faults.Status(500)))}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := conf.Rules([]byte(test.text))
			require.NoError(t, err)
			assert.Equal(t, textOf(t, test.want), textOf(t, got))
		})
	}
}

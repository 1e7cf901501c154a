package engine_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

const onlyWithBody = " never acts on a request that the filters match: it acts on [blob.post upload.chunk upload.commit manifest.put token external] only"

const negativeCounts = "after must not be negative"

const noBound = "every, times and for must be more than 0; leave them out for no bound"

const probabilities = "probability must be more than 0 and at most 1; leave it out for all requests"

// TestNoBoundInText reads rules in text that would never fire as they are written.
func TestNoBoundInText(t *testing.T) {
	for field, want := range map[string]string{`"times": 0`: noBound, `"every": 0`: noBound, `"for": "0s"`: noBound, `"probability": 0`: probabilities} {
		var rule faults.Rule
		assert.ErrorContains(t, rule.UnmarshalJSON([]byte(`{`+field+`, "do": ["pass"]}`)), want, field)
	}
}

func TestRuleCheck(t *testing.T) {
	all, do, connect := faults.On(), on(""), faults.OnConnect()
	answered := record.Status("404")
	doing := func(e ...faults.Effect) faults.Rule { return all.Do(e...) }
	for name, test := range map[string]struct {
		rule faults.Rule
		want string
	}{
		"nothing":               {all, "it does nothing: give it effects with Do or Seq"},
		"no steps":              {all.Seq(), "it does nothing: give it effects with Do or Seq"},
		"effects and steps":     {do.Seq(faults.Pass()), "it has both effects and steps: choose Do or Seq"},
		"times of a sequence":   {all.Seq(faults.Pass()).Times(1), "times does not go with a sequence, which is over after its last step"},
		"after":                 {do.After(-1), negativeCounts},
		"every":                 {do.Every(-1), noBound},
		"times":                 {do.Times(-1), noBound},
		"no times":              {do.Times(0), noBound},
		"every 0":               {do.Every(0), noBound},
		"for no time":           {do.For(0), noBound},
		"probability of 0":      {do.WithProbability(0, 1), probabilities},
		"for":                   {do.For(-1), noBound},
		"probability too low":   {do.WithProbability(-0.1, 0), probabilities},
		"probability too high":  {do.WithProbability(1.1, 0), probabilities},
		"probability no number": {do.WithProbability(math.NaN(), 0), probabilities},
		"opposed operations":    {on("", op.BlobGet).Where(record.Op(op.ManifestGet)), "its filters together match no request"},
		"no operation left":     {on("", op.BlobGet).Where(record.Not(record.Op(op.BlobGet))), "its filters together match no request"},
		"until nothing":         {do.Until(record.Op(op.Ping), record.Op(op.Token)), "the filters of until together match no request"},
		"filter on the answer":  {all.Where(answered).Do(faults.Delay(1)), "filter status=404 is on the answer: delay acts before there is one: use delay-reply"},
		"until an answer":       {do.Until(answered), "until: filter status=404 is on the answer, and a rule ends when a request begins: use filters on the request"},
		"connection, filters":   {connect.Repo("a").Do(faults.Refuse()), "a rule on connections has no filters: there is no request yet"},
		"connection, auth":      {connect.BeforeAuth().Do(faults.Refuse()), "a rule on connections is always before auth"},
		"connection, effect":    {connect.Do(faults.Status(500)), "status acts on requests: use it with On, not OnConnect"},
		"connection, step":      {connect.Seq(faults.Pass(), faults.Zeros()), "zeros acts on requests: use it with On, not OnConnect"},
		"connection, in all":    {connect.Do(faults.All(faults.Refuse(), faults.Compress("gzip"))), "compress acts on requests: use it with On, not OnConnect"},
		"request, effect":       {doing(faults.Refuse()), "refuse acts on connections: use it with OnConnect"},
		"request, in all":       {doing(faults.All(faults.FailHandshake())), "tls acts on connections: use it with OnConnect"},
		"cut of no body":        {on("", op.BlobHead).Do(faults.Close(1)), "close never acts on a request that the filters match: it does not act on [blob.head manifest.head]"},
		"stall of no body":      {on("", op.BlobHead, op.ManifestHead).Do(faults.Stall(1, 0)), "stall never acts on a request that the filters match: it does not act on [blob.head manifest.head]"},
		"trickle of no body":    {on("", op.ManifestHead).Do(faults.Trickle(1, 1)), "trickle never acts on a request that the filters match: it does not act on [blob.head manifest.head]"},
		"no body to read":       {on("", op.BlobGet).Do(faults.Reset(0).OfRequest()), "reset" + onlyWithBody},
		"no body to slow":       {on("", op.ManifestGet, op.UploadStart).Do(faults.Bandwidth(1).OfRequest()), "trickle" + onlyWithBody},
		"no body to turn away":  {on("", op.BlobMount).Do(faults.GoAway(0).OfRequest()), "goaway" + onlyWithBody},
		"no such placeholder":   {doing(faults.Redirect(307, "http://{hots}/x")), "redirect: there is no placeholder {hots}: did you mean {host}?"},
		"placeholder, message":  {doing(faults.Status(400).Error("DENIED", "{origin} {rpeo}")), "status: message: there is no placeholder {rpeo}: did you mean {repo}?"},
		"placeholder, header":   {doing(faults.AddHeader("Link", "<{origni}>")), "add-header: there is no placeholder {origni}: did you mean {origin}?"},
		"placeholder, location": {doing(faults.Location{Host: "{ded}"}), "location: there is no placeholder {ded}: did you mean {dead}?"},
		"nil":                   {doing(nil), "one of its effects is nil"},
		"nil in all":            {doing(faults.All(faults.Pass(), nil)), "one of its effects is nil"},
		"all of nothing":        {doing(faults.All()), "all: no effects"},

		"no status":              {doing(faults.Status(199)), "status: 199 is no status to answer with: want 200 to 599"},
		"too high a status":      {doing(faults.Status(600)), "status: 600 is no status to answer with: want 200 to 599"},
		"page and body":          {doing(faults.Status(500).HTML().Body("", "")), "status: choose html or a body"},
		"detail":                 {doing(faults.Status(400).Detail(func() {})), "status: detail: json: unsupported type: func()"},
		"wrong in all":           {doing(faults.All(faults.Status(0))), "status: 0 is no status to answer with: want 200 to 599"},
		"wrong step":             {all.Seq(faults.Pass(), faults.Status(0)), "status: 0 is no status to answer with: want 200 to 599"},
		"redirect with 200":      {doing(faults.Redirect(200, "/")), "redirect: 200 is no redirect: want 301, 302, 303, 307 or 308"},
		"redirect to nowhere":    {doing(faults.Redirect(307, "")), "redirect: to is missing"},
		"delay":                  {doing(faults.Delay(-1)), "delay: a duration is negative"},
		"delay of a reply":       {doing(faults.DelayReply(-1)), "delay-reply: a duration is negative"},
		"stall after":            {doing(faults.Stall(-1, 0)), "stall: after: want 0 or more bytes"},
		"stall for":              {doing(faults.Stall(0, -1)), "stall: a duration is negative"},
		"trickle of nothing":     {doing(faults.Trickle(0, 1)), "trickle: bytes and every must be more than 0"},
		"trickle without pauses": {doing(faults.Trickle(1, 0)), "trickle: bytes and every must be more than 0"},
		"no bandwidth":           {doing(faults.Bandwidth(0)), "trickle: bytes and every must be more than 0"},
		"close":                  {doing(faults.Close(-1)), "close: after -1 bytes: want 0 or more"},
		"reset":                  {doing(faults.Reset(-1)), "reset: after -1 bytes: want 0 or more"},
		"goaway":                 {doing(faults.GoAway(-1)), "goaway: after -1 bytes: want 0 or more"},
		"reset of a stream":      {doing(faults.ResetStream(-1)), "reset-stream: after -1 bytes: want 0 or more"},
		"truncate":               {doing(faults.Truncate(-1)), "truncate: after -1 bytes: want 0 or more"},
		"no status to set":       {doing(faults.SetStatus(600)), "set-status: 600 is no status to answer with: want 200 to 599"},
		"no digest":              {doing(faults.ContentOf("latest")), `content-of: digest "latest": invalid checksum digest format`},
		"header without name":    {doing(faults.SetHeader("", "x")), `set-header: "" is no name of a header field`},
		"header with a space":    {doing(faults.AddHeader("A b", "x")), `add-header: "A b" is no name of a header field`},
		"header without values":  {doing(faults.SetHeader("A")), "set-header: values are missing"},
		"location":               {doing(faults.Location{}), "location: it changes nothing"},
		"hide":                   {doing(faults.Hide(0, 0)), "hide: want a number of requests, or a duration, more than 0"},
		"stale tag":              {doing(faults.StaleTag(-1, time.Second)), "stale-tag: want a number of requests, or a duration, more than 0"},
		"lagging tags":           {doing(faults.LagTags(1, -1)), "lag-tags: want a number of requests, or a duration, more than 0"},
		"immutable":              {doing(faults.Immutable(faults.Status(0))), "immutable: 0 is no status to answer with: want 200 to 599"},
		"tls":                    {connect.Do(faults.CertificateFor("")), "tls: want fail, expired or host"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.EqualError(t, test.rule.Check(), test.want)
			e := engine.New(memstore.New(memstore.Options{}))
			assert.EqualError(t, e.Add(test.rule.Named("r")), `faults: rule "r": `+test.want)
			assert.Empty(t, e.Rules())
		})
	}
}

// What a rule needs of the server that it is in.
func TestAddRefusesWhatCannotAct(t *testing.T) {
	const (
		noConn     = " acts on the connection, which a handler in another server's mux does not have: use registrytest.New or ocifake serve"
		noStore    = " acts on content, and the Store of this registry is not known: use registrytest.New without WithHandler and WithUpstream, or ocifake serve without --upstream"
		noDead     = " needs a host that refuses connections, which this server does not know"
		noExternal = " needs a second origin, which a handler in another server's mux does not have: use registrytest.New or ocifake serve"
	)
	const noTokens = " is about tokens, and the registry has no auth: give it one, with registrytest.WithAuth or ocifake serve --token-auth"
	store := memstore.New(memstore.Options{})
	elsewhere := func() (string, error) { return "cdn.test", nil }
	for name, test := range map[string]struct {
		engine *engine.Engine
		site   effect.Site
		effect faults.Effect
		want   string // empty: it can act
	}{
		"reset":                       {engine.New(nil), effect.Site{}, faults.Reset(0), "reset" + noConn},
		"reset in a sequence":         {engine.New(nil), effect.Site{}, faults.All(faults.Pass(), faults.Reset(0)), "all" + noConn},
		"reset of a stream":           {engine.New(nil), effect.Site{}, faults.ResetStream(0).Code(2), "reset-stream" + noConn},
		"goaway":                      {engine.New(nil), effect.Site{}, faults.GoAway(0), "goaway" + noConn},
		"raw":                         {engine.New(nil), effect.Site{}, faults.Raw("x"), "raw" + noConn},
		"close of idle connections":   {engine.New(nil), effect.Site{}, faults.CloseIdle(), "close-idle" + noConn},
		"reset with connections":      {engine.New(nil), effect.Site{Connections: true}, faults.Reset(0), ""},
		"close":                       {engine.New(nil), effect.Site{}, faults.Close(0), ""},
		"revoked tokens":              {engine.New(nil), effect.Site{}, faults.RevokeTokens(), "revoke-tokens" + noTokens},
		"vanish":                      {engine.New(nil), effect.Site{}, faults.Vanish(), "vanish" + noStore},
		"hide":                        {engine.New(nil), effect.Site{}, faults.Hide(1, 0), "hide" + noStore},
		"lost upload":                 {engine.New(nil), effect.Site{}, faults.LoseUpload(), "lose-upload" + noStore},
		"dropped chunk":               {engine.New(nil), effect.Site{}, faults.DropChunk(), "drop-chunk" + noStore},
		"tags that are digests":       {engine.New(nil), effect.Site{}, faults.DigestTags(), "digest-tags" + noStore},
		"refused mount":               {engine.New(nil), effect.Site{}, faults.RefuseMount(), "refuse-mount" + noStore},
		"immutable":                   {engine.New(nil), effect.Site{}, faults.Immutable(faults.Status(400)), "immutable" + noStore},
		"other content":               {engine.New(nil), effect.Site{}, faults.ContentOf(layer), "content-of" + noStore},
		"vanish with a Store":         {engine.New(store), effect.Site{}, faults.Vanish(), ""},
		"dead host":                   {engine.New(store), effect.Site{}, faults.Redirect(307, "http://{dead}/"), "redirect" + noDead},
		"dead host in a header":       {engine.New(store), effect.Site{}, faults.AddHeader("Link", "<http://{dead}/>"), "add-header" + noDead},
		"dead host in a location":     {engine.New(store), effect.Site{}, faults.Location{Host: "{dead}"}, "location" + noDead},
		"dead host in a body":         {engine.New(store), effect.Site{}, faults.Status(200).Body("", "{dead}"), "status" + noDead},
		"dead host in a message":      {engine.New(store), effect.Site{}, faults.Status(400).Error("DENIED", "{dead}"), "status" + noDead},
		"dead host of an answer":      {engine.New(store), effect.Site{}, faults.Status(307).Header("Location", "{dead}"), "status" + noDead},
		"known dead host":             {engine.New(store), effect.Site{Dead: "127.0.0.1:1"}, faults.Redirect(307, "http://{dead}/"), ""},
		"second origin, no Store":     {engine.New(nil), effect.Site{External: elsewhere}, faults.Redirect(307, "{cdn}"), "redirect" + noStore},
		"second origin":               {engine.New(store), effect.Site{}, faults.Redirect(307, "{expired}"), "redirect" + noExternal},
		"second origin that there is": {engine.New(store), effect.Site{External: elsewhere}, faults.Redirect(307, "{cdn}"), ""},
		"other braces":                {engine.New(nil), effect.Site{}, faults.Redirect(307, "/{}{Other}{"), ""},
		"braces in a body":            {engine.New(nil), effect.Site{}, faults.Status(200).Body("", "{hots}"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			test.engine.Bind(test.site)
			for _, rule := range []faults.Rule{faults.On().Do(test.effect), faults.On().Seq(faults.Pass(), test.effect)} {
				assert.NoError(t, rule.Check(), "it may act elsewhere")
				err := test.engine.Add(rule.Named("r"))
				if test.want == "" {
					assert.NoError(t, err)
				} else {
					assert.EqualError(t, err, `faults: rule "r": `+test.want)
				}
				test.engine.Clear()
			}
		})
	}
	assert.EqualError(t, engine.New(nil).Add(faults.OnConnect().Named("r").Do(faults.Refuse())),
		`faults: rule "r": it acts on connections, which a handler in another server's mux does not have: use registrytest.New or ocifake serve`)
}

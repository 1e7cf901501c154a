// Package faults is the language of rules that make a registry fail. A [Rule] says which
// requests it matches, at which of them it fires, and what happens then:
//
//	reg := registrytest.New(t)
//	reg.Inject(t,
//		faults.On(op.BlobGet).Repo("app").Times(2).Do(faults.Status(503).RetryAfter(time.Second)),
//		faults.On(op.BlobGet).After(3).Times(1).Do(faults.Reset(65536)),
//	)
//
// Rules apply in the order in which they were added, and the first one that fires
// wins, unless it has Continue. A rule fires when its effect acts: a rule that ignores
// ranges does not fire at a request without one.
//
// # Effects
//
// An [Effect] answers in the registry's place ([Status], [Redirect], [Raw]), waits
// ([Delay], [Stall], [Trickle]), ends the connection or the stream ([Close], [Reset],
// [ResetStream], [GoAway]), changes the answer ([SetHeader], [SetField], [Truncate], [Corrupt],
// [IgnoreRange]), changes the request on its way ([DropRequestHeader], [DropQuery], [SetHost]),
// changes what the registry does ([LoseUpload], [DropChunk], [RefuseMount], [Hide],
// [StaleTag]), refuses what is above a limit ([RateLimit], [Concurrency], [Ceiling]), or acts
// on a connection before its first request ([Refuse], [Silence], [FailHandshake]). [Func] is an effect of your own. The reference of rules in the documentation
// lists the effects with their names in JSON and YAML.
//
// # Known faults
//
// Package known has faults that real registries have shown to real clients, with
// citations, as rules. [Chaos] makes many rules from a seed.
package faults

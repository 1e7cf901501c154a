package config_test

import (
	"fmt"

	"github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/faults"
)

func ExampleAuthOptions() {
	options, err := config.AuthOptions([]byte(`
users: {alice: secret}
rules:
- users: [alice]
- repos: [public/*]
  actions: [pull]
token: {ttl: 90s}
`))
	fmt.Println(options.Rules[1].Repos, options.Token.TTL, err)
	_, err = config.AuthOptions([]byte("users: {alice: secret}\nrule: []"))
	fmt.Println(err)
	// Output:
	// [public/*] 1m30s <nil>
	// auth: line 2, column 1: rule: unknown field: did you mean rules?
}

func ExampleRules() {
	rules, err := config.Rules([]byte(`
- name: slow start
  where: op=blob.get repo=lib/*
  times: 2
  do:
    - delay: 2s
    - status: {code: 503, retryAfter: 1s}
- where: op=upload.chunk
  seq: [pass, {reset: {after: 65536, request: true}}, lose-upload]
`))
	fmt.Println(len(rules), err)
	fmt.Println(rules[0])

	_, err = config.Rules([]byte("where: op=blob.get\ndo:\n  - status: {code: many}\n"))
	fmt.Println(err)
	// Output:
	// 2 <nil>
	// "slow start" on op=blob.get repo=lib/*
	// rules: line 3, column 20: do[0].status.code: want a whole number, not text
}

func ExampleSettings() {
	settings, err := config.Settings([]byte("addr: 127.0.0.1:5000\nload: [a.tar, b.tar]\n"))
	for _, s := range settings {
		fmt.Println(s.Name, s.Values)
	}
	fmt.Println(err)
	// Output:
	// addr [127.0.0.1:5000]
	// load [a.tar b.tar]
	// <nil>
}

func ExampleYAML() {
	text, err := config.YAML([]faults.Rule{faults.On().Repo("app").Times(2).Do(faults.Status(503))})
	fmt.Printf("%s%v\n", text, err)
	// Output:
	// - where: repo=app
	//   times: 2
	//   do:
	//   - status:
	//       code: 503
	// <nil>
}

package config_test

import (
	"fmt"

	"github.com/ocifake/ocifake/config"
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

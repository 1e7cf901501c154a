// Package load tests the ocifake binary under many clients at a time: that each
// answer is right or fails as a rule says, that no request is missing on the record,
// in its files and in what follows it, that memory is given back, and that a signal in
// the middle loses nothing. By default the number of requests is bounded; for a minute
// of them:
//
//	go test ./load -run TestLoad -v -for 1m
package load

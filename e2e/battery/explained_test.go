package battery_test

// explained are the broken entries that nothing finds, each with the reason by the text of the
// specification.
var explained = map[string]string{}

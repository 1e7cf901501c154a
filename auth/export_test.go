package auth

// What tests call that is not exported.
var (
	Needed     = needed
	ParseScope = parseScope
)

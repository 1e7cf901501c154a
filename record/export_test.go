package record

import "testing"

// What the tests of both packages use.
var (
	WriteHARForTest = writeHAR
	RequireSame     = requireSame
)

// ValidateHAR validates a file by the schema of HAR.
func ValidateHAR(t testing.TB, file string) error { return validate(t, harSchema(t), file) }

// Package update finds out whether a test writes the files that it otherwise compares or reads.
package update

import (
	"flag"
	"fmt"
	"os"
	"strconv"
)

// Variable is the environment variable that makes tests write files.
const Variable = "OCIFAKE_UPDATE"

// Requested reports whether [Variable] is 1, or the test has a flag -update of the type bool that is
// set. Another value of the variable is an error.
func Requested() (bool, error) {
	if f := flag.Lookup("update"); f != nil {
		if g, ok := f.Value.(flag.Getter); ok && g.Get() == true {
			return true, nil
		}
	}
	text, ok := os.LookupEnv(Variable)
	if !ok || text == "" {
		return false, nil
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%s=%s: want 1 or 0", Variable, text)
	}
	return on, nil
}

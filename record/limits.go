package record

import (
	"bytes"
	"errors"
)

// limits bound what is read from a file.
type limits struct {
	entry int   // bytes of one exchange
	log   int64 // of memory, for all of them
}

var defaultLimits = limits{entry: 32 << 20, log: 2 << 30}

// spend takes the memory of an exchange off the limit of the log. It is a guess
// on the high side: every value in a list or an object comes with a comma.
func (l *limits) spend(entry []byte) error {
	const exchange, value = 1 << 10, 128
	l.log -= exchange + int64(len(entry)) + value*int64(bytes.Count(entry, []byte{','}))
	if l.log < 0 {
		return errors.New("there are too many exchanges to hold in memory")
	}
	return nil
}

package record

// String returns the journal, so that a log that is printed, or that stands in the
// message of an assertion that failed, can be read.
func (l Log) String() string { return l.Journal() }

// GoString is String for the verb %#v, in which testify prints values.
func (l Log) GoString() string { return l.Journal() }

// GomegaString is String for the messages of gomega.
func (l Log) GomegaString() string { return l.Journal() }

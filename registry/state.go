package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// stateParameter is the query parameter of an upload location that a client must return unchanged.
const stateParameter = "_state"

// uploadState is the state in an upload location. It is neither secret nor a permission; it
// makes locations that the registry did not issue invalid.
type uploadState struct {
	size   int64  // bytes received when the location was handed out
	serial uint64 // no two locations of a registry are the same
	short  bool   // the chunk before was shorter than OCI-Chunk-Min-Length
}

// text is "<size>.<serial>.<short>.<check>", numbers in base 36.
func (s uploadState) text(repo, session string) string {
	short := "0"
	if s.short {
		short = "1"
	}
	fields := strconv.FormatInt(s.size, 36) + "." + strconv.FormatUint(s.serial, 36) + "." + short
	return fields + "." + stateCheck(repo, session, fields)
}

func stateCheck(repo, session, fields string) string {
	sum := sha256.Sum256([]byte(repo + "\x00" + session + "\x00" + fields))
	return hex.EncodeToString(sum[:8])
}

// parseUploadState reads a text, which must be one for this repository and session.
func parseUploadState(repo, session, text string) (uploadState, bool) {
	cut := strings.LastIndexByte(text, '.')
	if cut < 0 || text[cut+1:] != stateCheck(repo, session, text[:cut]) {
		return uploadState{}, false
	}
	fields := strings.Split(text[:cut], ".")
	if len(fields) != 3 {
		return uploadState{}, false
	}
	size, err := strconv.ParseInt(fields[0], 36, 64)
	if err != nil || size < 0 {
		return uploadState{}, false
	}
	serial, err := strconv.ParseUint(fields[1], 36, 64)
	return uploadState{size: size, serial: serial, short: fields[2] == "1"}, err == nil
}

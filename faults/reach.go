package faults

import (
	"fmt"

	"github.com/ocifake/ocifake/internal/opset"
	"github.com/ocifake/ocifake/op"
)

// An endingEffect may answer in the registry's place, or end the connection, without
// serving the request. What stands behind one that does never acts.
type endingEffect interface {
	Effect
	ends() bool
}

func ends(e Effect) bool {
	if group, ok := e.(all); ok {
		for _, e := range group.effects {
			if ends(e) {
				return true
			}
		}
		return false
	}
	end, ok := e.(endingEffect)
	return ok && end.ends()
}

// checkReach refuses effects that happen together and of which one can never act:
// behind one that answers, nothing is left to act on.
func (r Rule) checkReach(effects []Effect) error {
	var ending Effect
	for _, e := range effects {
		group, isGroup := e.(all)
		if isGroup {
			if err := r.checkReach(group.effects); err != nil {
				return err
			}
		}
		_, passes := e.(pass)
		switch _, delays := e.(delay); {
		case passes: // does not claim to act
		case ending != nil && r.Connect && delays: // first, wherever it stands
		case ending != nil && r.Connect:
			return fmt.Errorf("%s never acts beside %s, which ends the connection: choose one of them", e.kind(), ending.kind())
		case ending != nil:
			return fmt.Errorf("%s never acts behind %s, which answers: put it before", e.kind(), ending.kind())
		}
		if ends(e) || r.Connect && connectEnds(e) {
			ending = e
		}
		if _, isTLS := e.(TLS); isTLS && r.Connect {
			if err := besideTLS(effects); err != nil {
				return err
			}
		}
	}
	return nil
}

// connectEnds reports whether an effect ends a connection at its opening.
func connectEnds(e Effect) bool {
	if group, ok := e.(all); ok {
		for _, e := range group.effects {
			if connectEnds(e) {
				return true
			}
		}
		return false
	}
	switch e.(type) {
	case refuse, silence, raw:
		return true
	}
	return false
}

// besideTLS refuses effects that leave no handshake.
func besideTLS(effects []Effect) error {
	for _, e := range effects {
		if connectEnds(e) {
			return fmt.Errorf("tls never acts beside %s, which ends the connection: choose one of them", e.kind())
		}
	}
	return nil
}

// checkOperations refuses an effect that can act on none of the requests that the
// rule's filters allow.
func checkOperations(allowed opset.Set, e Effect) error {
	if group, ok := e.(all); ok {
		for _, e := range group.effects {
			if err := checkOperations(allowed, e); err != nil {
				return err
			}
		}
	}
	limited, ok := e.(limitedEffect)
	if !ok || limited.actsOn()&allowed != 0 {
		return nil
	}
	var acts, never []op.Op
	for _, o := range op.All() {
		if limited.actsOn().Has(o) {
			acts = append(acts, o)
		} else {
			never = append(never, o)
		}
	}
	if len(acts) > len(never) {
		return fmt.Errorf("%s never acts on a request that the filters match: it does not act on %v", e.kind(), never)
	}
	return fmt.Errorf("%s never acts on a request that the filters match: it acts on %v only", e.kind(), acts)
}

// answersWithBody returns the operations whose answers can have a body.
func answersWithBody() opset.Set { return ^opset.Of(op.BlobHead, op.ManifestHead) }

// requestsWithBody returns the operations whose requests can have a body.
func requestsWithBody() opset.Set {
	return opset.Of(op.Unknown, op.BlobPost, op.UploadChunk, op.UploadCommit, op.ManifestPut, op.Token, op.External)
}

// bodies returns the operations that have a body: in the request, or in the answer.
func bodies(ofRequest bool) opset.Set {
	if ofRequest {
		return requestsWithBody()
	}
	return answersWithBody()
}

// contentReads are the requests that are answered with stored content.
func contentReads() opset.Set {
	return opset.Of(op.BlobGet, op.BlobHead, op.ManifestGet, op.ManifestHead)
}

// pushes are the requests that put something into the Store.
func pushes() opset.Set {
	return opset.Of(op.UploadCommit, op.BlobPost, op.BlobMount, op.ManifestPut)
}

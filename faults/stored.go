package faults

import (
	"time"

	"github.com/ocifake/ocifake/internal/effect"
)

// LoseUpload discards the upload session of the request, as a registry does whose
// replicas do not share sessions: 404 BLOB_UPLOAD_UNKNOWN.
func LoseUpload() Effect { return of(effect.LoseUpload{}) }

// RevokeTokens invalidates all tokens issued so far: later requests with them get 401. The
// request itself is served, unless the rule applies before authentication; see
// [Rule.BeforeAuth].
func RevokeTokens() Effect { return of(effect.RevokeTokens{}) }

// ShiftProgress changes the end of the Range in the answers about an upload by a number of
// bytes: 1 makes it off by one, as by registries that send the length instead of the offset
// of the last byte.
func ShiftProgress(by int64) Effect { return of(effect.ShiftProgress{By: by}) }

// StuckProgress stores a chunk and answers with the Range of before it.
func StuckProgress() Effect { return of(effect.StuckProgress{}) }

// RefuseStale refuses a chunk, or the PUT that closes an upload, at a Location that is not
// the latest one of the session: 404 BLOB_UPLOAD_UNKNOWN.
func RefuseStale() Effect { return of(effect.RefuseStale{}) }

// DropChunk accepts the bytes of a chunk, or of the PUT that closes an upload, and
// discards them. The answer reports success, with an unchanged Range. A commit fails
// with a wrong digest while bytes are missing.
func DropChunk() Effect { return of(effect.DropChunk{}) }

// RefuseMount answers a mount as if the source did not have the blob: 202 and an upload
// session. For other answers use [Status].
func RefuseMount() Effect { return of(effect.RefuseMount{}) }

// Vanish serves a push, and deletes the blob, manifest or tag before the client receives
// the answer.
func Vanish() Effect { return of(effect.Vanish{}) }

// Hide makes pushed content unknown to the next n requests for it by digest or tag, or
// for a duration, whichever ends first, as replicas that lag do; 0 sets no such end.
func Hide(n int, d time.Duration) Effect { return lag(effect.Hiding, n, d) }

// StaleTag shows the previous manifest of a pushed tag, or none if the tag is new, to
// the next n requests by tag, or for a duration; see [Hide].
func StaleTag(n int, d time.Duration) Effect { return lag(effect.Stale, n, d) }

// LagTags omits pushed tags from the next n lists of tags, or for a duration; see [Hide].
func LagTags(n int, d time.Duration) Effect { return lag(effect.Lagging, n, d) }

// LateDelete keeps a deleted blob, manifest or tag visible to the next n requests for it, or
// for a duration, whichever ends first; 0 sets no such end. Deleted tags also stay in lists.
func LateDelete(n int, d time.Duration) Effect {
	return of(effect.LateDelete{LagArgs: effect.LagArgs{Requests: n, For: effect.Duration(d)}})
}

// Immutable sends this answer to a push to an existing tag, whatever its digest. It does
// not act on other pushes.
func Immutable(answer Answer) Effect { return of(effect.Immutable{Answer: answer.does}) }

// DigestTags answers a request for a manifest by a tag such as sha256-<hex> with the
// manifest whose digest is sha256:<hex>, if there is one, as GitLab does. The tag is that
// of the referrers of the manifest (distribution specification, "Referrers Tag Schema").
func DigestTags() Effect { return of(effect.DigestTags{}) }

func lag(how effect.LagKind, n int, d time.Duration) Effect {
	return of(effect.Lag{How: how, LagArgs: effect.LagArgs{Requests: n, For: effect.Duration(d)}})
}

package lint

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ocifake/ocifake/op"
)

func readRules() []Rule {
	return []Rule{{
		ID: "blob-refetched", Severity: Waste,
		Title: "a blob is fetched twice",
		Why:   "The whole content is received for nothing.",
		Fix:   "Keep what was fetched and verified; fetch a blob that several manifests refer to once.",
		Wrong: "GET /v2/app/blobs/sha256:… → 200 (twice)",
		Right: "GET /v2/app/blobs/sha256:… → 200",
		judge: judgeRefetchedBlob,
	}, {
		ID: "range-without-if-range", Severity: Waste,
		Title: "a download of what is not named by its digest is resumed without If-Range",
		Why:   "The content can have changed since the first part was received.",
		Fix:   "Send the ETag of the first answer as If-Range.",
		Wrong: "GET https://cdn.example/file, Range: bytes=1000-",
		Right: "GET https://cdn.example/file, Range: bytes=1000-, If-Range: \"abc\"",
		judge: judgeIfRange,
	}, {
		ID: "range-multiple", Severity: Portability,
		Title: "a request asks for more than one range",
		Why:   "Registries and their storage refuse several ranges with 400, or answer with the whole content.",
		Fix:   "Send a request for each range.",
		Wrong: "GET /v2/app/blobs/sha256:…, Range: bytes=0-9,20-29",
		Right: "GET /v2/app/blobs/sha256:…, Range: bytes=0-9",
		judge: func(_ *Linter, x *exchange) *found {
			if field := value(x.Header, "Range"); x.Method == http.MethodGet && strings.HasPrefix(field, "bytes=") && strings.Contains(field, ",") {
				return in(x, nil, "GET %s asks for more than one range: %s", x.Target, field)
			}
			return nil
		},
	}, {
		ID: "range-ignored-appended", Severity: Portability,
		Title:    "a client goes on with the next range after it received the whole content",
		Why:      "A registry may answer a request for a range with 200 and everything. A client that takes that for the part has wrong content.",
		Source:   "RFC 9110, section 14.2",
		Sentence: "A server MAY ignore the Range header field.",
		Fix:      "Look at the status: 206 and a Content-Range that fits is the part, 200 is the whole content.",
		Wrong:    "GET …, Range: bytes=0-99 → 200\nGET …, Range: bytes=100-199",
		Right:    "GET …, Range: bytes=0-99 → 200 (the content is complete)",
		judge:    judgeAppended,
	}}
}

// keeps is how long a client is expected to keep a blob.
const keeps = 10 * time.Minute

// reads reports whether a request fetches a blob, at the registry or where it redirects to.
func reads(x *exchange) bool {
	return x.Method == http.MethodGet && (x.kind == op.BlobGet || x.kind == op.External)
}

func judgeRefetchedBlob(_ *Linter, x *exchange) *found {
	if !reads(x) || x.Status != http.StatusOK || !x.answered() || x.Info.Digest == "" || value(x.Header, "Range") != "" || x.decided() {
		return nil
	}
	f := had(x, x.client.blobs.Get(x.host()+"@"+string(x.Info.Digest)))
	if f == nil || x.Start.Sub(f.end) > keeps {
		return nil
	}
	return in(x, []uint64{f.seq}, "blob %s is fetched from %s, although request %d had brought it", x.Info.Digest, x.Repo, f.seq)
}

func judgeIfRange(_ *Linter, x *exchange) *found {
	start, ok := rangeStart(value(x.Header, "Range"))
	if !ok || start == 0 || x.kind != op.External || value(x.Header, "If-Range") != "" {
		return nil
	}
	broken := x.client.broken.Get(x.client.blobOf(x))
	if broken == nil || broken.last.kind != op.External || value(broken.last.ResponseHeader, "Etag") == "" || !x.after(broken.last.end) {
		return nil
	}
	return in(x, []uint64{broken.last.Seq}, "GET %s is resumed at %d without If-Range, and the answer to request %d had an ETag", x.Target, start, broken.last.Seq)
}

// rangeStart returns the first byte that a Range asks for.
func rangeStart(field string) (int64, bool) {
	text, ok := strings.CutPrefix(field, "bytes=")
	from, _, found := strings.Cut(text, "-")
	if !ok || !found {
		return 0, false
	}
	start, err := strconv.ParseInt(from, 10, 64)
	return start, err == nil
}

// wholeRead is an answer with everything to a request for a range.
type wholeRead struct {
	seq   uint64
	end   time.Time
	start int64
	cut   bool  // the answer broke off
	bytes int64 // of the content that were sent
	run   *run
}

func judgeAppended(_ *Linter, x *exchange) *found {
	start, ok := rangeStart(value(x.Header, "Range"))
	if !reads(x) || !ok {
		return nil
	}
	w := x.client.ranges.Get(x.Host + x.Target)
	if w == nil || w.run != x.run || !x.after(w.end) || start <= w.start || w.cut && start <= w.bytes {
		return nil
	}
	return in(x, []uint64{w.seq}, "GET %s asks for bytes from %d on, although request %d was answered with the whole content, of which %d bytes were sent", x.Target, start, w.seq, w.bytes)
}

// learnRead remembers what a fetch of a blob brought.
func (c *client) learnRead(x *exchange) {
	if !reads(x) || x.Status != http.StatusOK || x.Open {
		return
	}
	if start, ok := rangeStart(value(x.Header, "Range")); ok {
		c.ranges.Set(x.Host+x.Target, &wholeRead{x.Seq, x.end, start, !x.answered(), x.ResponseBytes, x.run})
	}
	if x.answered() && !x.decided() && x.Info.Digest != "" {
		c.blobs.Set(x.host()+"@"+string(x.Info.Digest), &fetch{false, x.Seq, x.end, x.run})
	}
}

package lint

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/op"
)

func manifestRules() []Rule {
	return []Rule{{
		ID: "manifest-type-mismatch", Severity: Must,
		Title:    "the Content-Type of a manifest is not its media type",
		Why:      "A registry refuses the manifest, or serves it as what it is not.",
		Source:   "distribution-spec 1.1, Pushing Manifests",
		Sentence: "If a manifest includes a `mediaType` field, clients MUST set the `Content-Type` header to the value specified by the `mediaType` field.",
		Fix:      "Send the manifest's mediaType as Content-Type.",
		Wrong:    "PUT /v2/app/manifests/v1, Content-Type: application/json\n{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",…}",
		Right:    "PUT /v2/app/manifests/v1, Content-Type: application/vnd.oci.image.manifest.v1+json",
		judge:    judgeManifestType,
	}, {
		ID: "manifest-type-parameters", Severity: Should,
		Title:    "the Content-Type of a manifest has parameters",
		Why:      "Some registries compare the whole value, and refuse the manifest as one of an unknown type.",
		Source:   "distribution-spec 1.1, Pushing Manifests",
		Sentence: "The client SHOULD NOT include parameters on the `Content-Type` header (see RFC7231).",
		Fix:      "Send the media type alone.",
		Wrong:    "PUT …, Content-Type: application/vnd.oci.image.manifest.v1+json; charset=utf-8",
		Right:    "PUT …, Content-Type: application/vnd.oci.image.manifest.v1+json",
		judge: func(_ *Linter, x *exchange) *found {
			if got := value(x.Header, "Content-Type"); x.kind == op.ManifestPut && strings.Contains(got, ";") {
				return in(x, nil, "PUT of manifest %s has Content-Type %q", x.reference(), got)
			}
			return nil
		},
	}, {
		ID: "manifest-type-missing", Severity: Should,
		Title:    "a manifest is pushed without Content-Type",
		Why:      "Some registries take it for a manifest of Docker's first schema, and refuse it.",
		Source:   "distribution-spec 1.1, Pushing Manifests",
		Sentence: "Clients SHOULD set the `Content-Type` header to the type of the manifest being pushed.",
		Fix:      "Send the manifest's media type as Content-Type.",
		Wrong:    "PUT /v2/app/manifests/v1",
		Right:    "PUT /v2/app/manifests/v1, Content-Type: application/vnd.oci.image.manifest.v1+json",
		judge: func(_ *Linter, x *exchange) *found {
			if x.kind == op.ManifestPut && value(x.Header, "Content-Type") == "" {
				return in(x, nil, "PUT of manifest %s has no Content-Type", x.reference())
			}
			return nil
		},
	}, {
		ID: "manifest-media-type-missing", Severity: Should,
		Title:    "a manifest is pushed without mediaType",
		Why:      "What the manifest is depends on the Content-Type with which it is served, which is not part of the digest.",
		Source:   "distribution-spec 1.1, Pushing Manifests",
		Sentence: "All manifests SHOULD include a `mediaType` field declaring the type of the manifest being pushed.",
		Fix:      "Write the media type into the manifest.",
		Wrong:    "PUT /v2/app/manifests/v1 with {\"schemaVersion\":2,\"config\":…}",
		Right:    "PUT /v2/app/manifests/v1 with {\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",…}",
		judge:    judgeMediaTypeMissing,
	}, {
		ID: "manifest-before-content", Severity: Portability,
		Title:    "a manifest is pushed before its content",
		Why:      "Most registries refuse a manifest with MANIFEST_BLOB_UNKNOWN if a blob or a manifest that it refers to is not in the repository.",
		Source:   "distribution-spec 1.1, Push",
		Sentence: "A registry MAY reject a manifest uploaded to the manifest endpoint with descriptors in other fields that reference a manifest or blob that does not exist in the registry.",
		Fix:      "Push blobs first, then manifests, then indexes; push a manifest after its content is committed.",
		Wrong:    "PUT /v2/app/manifests/v1 → 400 MANIFEST_BLOB_UNKNOWN\nPUT …/blobs/uploads/1?digest=sha256:… → 201",
		Right:    "PUT …/blobs/uploads/1?digest=sha256:… → 201\nPUT /v2/app/manifests/v1 → 201",
		history:  true, judge: judgeContentOrder,
	}, {
		ID: "manifest-too-large", Severity: Portability,
		Title:    "a manifest is larger than 4 MiB",
		Why:      "The specification asks registries to take 4 megabytes, and most take no more: they answer 413.",
		Source:   "distribution-spec 1.1, Pushing Manifests",
		Sentence: "Client and registry implementations SHOULD expect to be able to support manifest pushes of at least 4 megabytes.",
		Fix:      "Keep data out of annotations and of the data of descriptors; divide an index.",
		Wrong:    "PUT /v2/app/manifests/v1, Content-Length: 5242880",
		Right:    "PUT /v2/app/manifests/v1, Content-Length: 1024",
		judge: func(_ *Linter, x *exchange) *found {
			if size := x.length(); x.kind == op.ManifestPut && size > 4<<20 {
				return in(x, nil, "manifest %s has %d bytes, more than 4 MiB", x.reference(), size)
			}
			return nil
		},
	}, {
		ID: "descriptor-wrong", Severity: Must,
		Title:    "a descriptor in a manifest does not fit its content",
		Why:      "Clients that verify what they pull refuse the image; registries that verify refuse the manifest.",
		Source:   "image-spec 1.1, Content Descriptors",
		Sentence: "If the length of the retrieved content does not match the specified length, the content SHOULD NOT be trusted.",
		Fix:      "Make descriptors from the content: its size, media type, artifactType and digest.",
		Wrong:    "PUT …?digest=sha256:44…, Content-Length: 2\nPUT /v2/app/manifests/v1 with {\"digest\":\"sha256:44…\",\"size\":3}",
		Right:    "PUT /v2/app/manifests/v1 with {\"digest\":\"sha256:44…\",\"size\":2}",
		judge:    judgeDescriptors,
	}, {
		ID: "manifest-schema1", Severity: Portability,
		Title: "a manifest of Docker's schema 1 is pushed",
		Why:   "Registries have removed schema 1 and refuse it.",
		Fix:   "Push an OCI image manifest, or one of Docker's schema 2.",
		Wrong: "PUT /v2/app/manifests/v1, Content-Type: application/vnd.docker.distribution.manifest.v1+prettyjws",
		Right: "PUT /v2/app/manifests/v1, Content-Type: application/vnd.oci.image.manifest.v1+json",
		judge: func(_ *Linter, x *exchange) *found {
			if x.kind == op.ManifestPut && (schema1(value(x.Header, "Content-Type")) || x.manifest().SchemaVersion == 1) {
				return in(x, nil, "manifest %s is of Docker's schema 1", x.reference())
			}
			return nil
		},
	}, {
		ID: "accept-missing", Severity: Should,
		Title:    "a manifest is requested without Accept",
		Why:      "Registries answer with a converted manifest of an older type, or with 404.",
		Source:   "distribution-spec 1.1, Pulling manifests",
		Sentence: "The client SHOULD include an `Accept` header indicating which manifest content types it supports.",
		Fix:      "Send all media types that the client reads in Accept.",
		Wrong:    "GET /v2/app/manifests/v1",
		Right:    "GET /v2/app/manifests/v1, Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, …",
		judge: func(_ *Linter, x *exchange) *found {
			if readsManifest(x) && !slices.ContainsFunc(accepted(x), func(t string) bool { return t != "*/*" }) {
				return in(x, nil, "%s of manifest %s has no Accept with the types that the client supports", x.Method, x.reference())
			}
			return nil
		},
	}, {
		ID: "accept-incomplete", Severity: Portability,
		Title: "Accept leaves out the type of the manifest",
		Why:   "Some registries answer 404 for a manifest whose type the client does not accept, or convert it.",
		Fix:   "Accept the OCI and the Docker types of manifests and of indexes.",
		Wrong: "GET /v2/app/manifests/v1, Accept: application/vnd.docker.distribution.manifest.v2+json → 200, Content-Type: application/vnd.oci.image.index.v1+json",
		Right: "GET /v2/app/manifests/v1, Accept: application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, …",
		judge: judgeAccept,
	}, {
		ID: "manifest-refetched", Severity: Waste,
		Title: "a manifest is fetched by tag again after its digest is known",
		Why:   "The request counts against pull limits, and the tag can have moved in between.",
		Fix:   "Resolve a tag once, and use the digest from then on.",
		Wrong: "GET /v2/app/manifests/v1 → 200\nGET /v2/app/manifests/v1 → 200",
		Right: "GET /v2/app/manifests/v1 → 200",
		judge: judgeRefetch,
	}, {
		ID: "manifest-get-for-digest", Severity: Waste,
		Title: "GET of a manifest by tag where HEAD would have shown that the client has it",
		Why:   "GET counts against pull limits on registries that do not count HEAD.",
		Fix:   "Ask with HEAD for the digest of a tag, and GET only what is not there yet.",
		Wrong: "GET /v2/app/manifests/sha256:ab… → 200\nGET /v2/app/manifests/v1 → 200, Docker-Content-Digest: sha256:ab…",
		Right: "GET /v2/app/manifests/sha256:ab… → 200\nHEAD /v2/app/manifests/v1 → 200, Docker-Content-Digest: sha256:ab…",
		judge: judgeGetForDigest,
	}, {
		ID: "poll-unconditional", Severity: Waste,
		Title: "a tag is polled with GET without If-None-Match",
		Why:   "Each answer has the whole manifest, and counts against pull limits.",
		Fix:   "Send the ETag of the last answer as If-None-Match, or poll with HEAD.",
		Wrong: "GET /v2/app/manifests/latest → 200, ETag: \"sha256:ab…\" (three times)",
		Right: "GET /v2/app/manifests/latest, If-None-Match: \"sha256:ab…\" → 304",
		judge: judgePoll,
	}}
}

// manifest is what the rules need of a manifest or an index.
type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        *descriptor       `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Blobs         []descriptor      `json:"blobs"`
	Manifests     []descriptor      `json:"manifests"`
	Subject       *descriptor       `json:"subject"`
	Annotations   map[string]string `json:"annotations"`
	whole         bool
	needs         []descriptor // see content
	counted       bool         // needs is set
}

type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType"`
	URLs         []string          `json:"urls"`
	Annotations  map[string]string `json:"annotations"`
}

// parseManifest reads what can be read of a manifest.
func parseManifest(body []byte) *manifest {
	var m manifest
	m.whole = json.Unmarshal(body, &m) == nil
	return &m
}

// content returns the descriptors of what must be in the repository with the manifest.
func (m *manifest) content() []descriptor {
	if !m.counted {
		m.needs, m.counted = slices.Clip(m.findContent()), true
	}
	return m.needs
}

func (m *manifest) findContent() []descriptor {
	var all []descriptor
	if m.Config != nil {
		all = append(all, *m.Config)
	}
	all = slices.Concat(all, m.Layers, m.Blobs, m.Manifests)
	return slices.DeleteFunc(all, func(d descriptor) bool { return len(d.URLs) > 0 || strings.Contains(d.MediaType, "nondistributable") })
}

// referrerType is the artifactType of the manifest in a list of referrers.
func (m *manifest) referrerType() string {
	if m.ArtifactType == "" && m.Config != nil {
		return m.Config.MediaType
	}
	return m.ArtifactType
}

// reference is the repository and the reference of a manifest's request.
func (x *exchange) reference() string {
	if x.Tag != "" {
		return x.Repo + ":" + x.Tag
	}
	return x.Repo + "@" + string(x.Info.Digest)
}

// knowsBody reports whether the body of a manifest that is pushed is in the recording.
func (l *Linter) knowsBody(rule string, x *exchange) bool {
	if x.RequestBodyCut || len(x.RequestBody) == 0 && x.RequestBytes > 0 {
		l.skip(rule, "the body of the manifest is not in the recording", x.Seq)
		return false
	}
	return true
}

func schema1(field string) bool {
	return strings.HasPrefix(mediaType(field), "application/vnd.docker.distribution.manifest.v1+")
}

func judgeManifestType(l *Linter, x *exchange) *found {
	got := value(x.Header, "Content-Type")
	if x.kind != op.ManifestPut || got == "" || !l.knowsBody("manifest-type-mismatch", x) {
		return nil
	}
	m := x.manifest()
	switch {
	case !m.whole:
		return nil
	case m.MediaType != "" && mediaType(got) != strings.ToLower(m.MediaType):
		return in(x, nil, "manifest %s is pushed as %s, and its mediaType is %s", x.reference(), got, m.MediaType)
	case m.MediaType == "" && m.SchemaVersion == 2 && !strings.Contains(mediaType(got), "manifest") && !strings.Contains(mediaType(got), "index"):
		return in(x, nil, "manifest %s is pushed as %s, which is no type of a manifest", x.reference(), got)
	}
	return nil
}

func judgeMediaTypeMissing(l *Linter, x *exchange) *found {
	if x.kind != op.ManifestPut || !l.knowsBody("manifest-media-type-missing", x) {
		return nil
	}
	if m := x.manifest(); m.whole && m.SchemaVersion == 2 && m.MediaType == "" {
		return in(x, nil, "manifest %s has no mediaType", x.reference())
	}
	return nil
}

// awaited is content that a manifest needed, and that the client had not pushed.
type awaited struct {
	seq uint64
	run *run
}

// judgeContentOrder reports content that is pushed after a manifest that refers to it.
func judgeContentOrder(_ *Linter, x *exchange) *found {
	if x.kind == op.ManifestPut {
		m := x.manifest()
		for _, d := range m.content() {
			key := x.repo() + "@" + d.Digest
			if k := x.client.known.Get(key); k != nil && x.after(k.end) {
				continue
			}
			if k := x.client.pushing.Get(key); k != nil && k.run == x.run && !x.after(k.end) {
				return in(x, []uint64{k.seq}, "manifest %s is pushed before the answer to request %d, which pushes %s", x.reference(), k.seq, d.Digest)
			}
		}
	}
	pushed := x.kind == op.ManifestPut && x.succeeded()
	if _, ok := committed(x); !ok && !pushed {
		return nil
	}
	digest := contentDigest(x)
	a := x.client.awaited.Get(x.repo() + "@" + digest)
	if digest == "" || a == nil || a.run != x.run {
		return nil
	}
	return in(x, []uint64{a.seq}, "%s is pushed to %s after the manifest of request %d, which refers to it", digest, x.Repo, a.seq)
}

// contentDigest returns the digest of what a request pushed or asked for.
func contentDigest(x *exchange) string {
	if x.Info.Digest != "" {
		return string(x.Info.Digest)
	}
	return value(x.ResponseHeader, "Docker-Content-Digest")
}

func judgeDescriptors(l *Linter, x *exchange) *found {
	if x.kind != op.ManifestPut || !l.knowsBody("descriptor-wrong", x) {
		return nil
	}
	m := x.manifest()
	all := m.content()
	if m.Subject != nil {
		all = append(all, *m.Subject)
	}
	before := l.earlier(x)
	for _, d := range all {
		known := l.contentOf(x, d.Digest)
		switch {
		case known == nil:
		case before.lists(d.Digest): // another client may have written it
		case known.size >= 0 && d.Size != known.size:
			return in(x, nil, "manifest %s: the descriptor of %s has size %d, and the content has %d bytes", x.reference(), d.Digest, d.Size, known.size)
		case known.isManifest && known.mediaType != "" && d.MediaType != known.mediaType:
			return in(x, nil, "manifest %s: the descriptor of %s has mediaType %q, and the manifest is a %s", x.reference(), d.Digest, d.MediaType, known.mediaType)
		case known.manifest == nil:
		case fallbackTag(x.Tag) && known.manifest.referrerType() != "" && d.ArtifactType != known.manifest.referrerType():
			return in(x, nil, "referrers tag %s: the descriptor of %s has artifactType %q, and that of the manifest is %q", x.reference(), d.Digest, d.ArtifactType, known.manifest.referrerType())
		case d.ArtifactType != "" && known.manifest.ArtifactType != "" && d.ArtifactType != known.manifest.ArtifactType:
			return in(x, nil, "manifest %s: the descriptor of %s has artifactType %q, and that of the manifest is %q", x.reference(), d.Digest, d.ArtifactType, known.manifest.ArtifactType)
		}
	}
	return nil
}

func readsManifest(x *exchange) bool { return x.kind == op.ManifestGet || x.kind == op.ManifestHead }

// accepted returns the media types in Accept, without those of weight 0.
func accepted(x *exchange) []string {
	var all []string
	for _, field := range x.Header["Accept"] {
		for element := range strings.SplitSeq(field, ",") {
			if base := mediaType(element); base != "" && !zeroWeight().MatchString(element) {
				all = append(all, base)
			}
		}
	}
	return all
}

var zeroWeight = pattern.Regexp(`(?i);\s*q\s*=\s*0(\.0*)?\s*(;|$)`)

func judgeAccept(l *Linter, x *exchange) *found {
	types := accepted(x)
	if !readsManifest(x) || len(types) == 0 {
		return nil
	}
	if x.decided() {
		l.skip("accept-incomplete", "a fault acted on the request", x.Seq)
		return nil
	}
	has := mediaType(value(x.ResponseHeader, "Content-Type"))
	switch {
	case x.succeeded():
	case x.Status == http.StatusNotFound || x.Status == http.StatusNotAcceptable:
		has = ""
		digest := string(x.Info.Digest)
		if t := x.client.tags.Get(x.repo() + ":" + x.Tag); t != nil {
			digest = t.digest
		}
		if known := l.contentOf(x, digest); known != nil && x.client.known.Get(x.repo()+"@"+digest) != nil {
			has = known.mediaType
		}
	default:
		return nil
	}
	if has == "" || !strings.HasPrefix(has, "application/vnd.") || accepts(types, has) {
		return nil
	}
	return in(x, nil, "%s of manifest %s does not accept its type, %s", x.Method, x.reference(), has)
}

// accepts reports whether media ranges match a media type.
func accepts(ranges []string, mediaType string) bool {
	return slices.ContainsFunc(ranges, func(r string) bool {
		group, all := strings.CutSuffix(r, "/*")
		return r == mediaType || r == "*/*" || all && strings.HasPrefix(mediaType, group+"/")
	})
}

// tagState is what a client knows of a tag.
type tagState struct {
	digest string
	gets   []uint64 // requests with GET whose answer had a manifest, since the digest changed
	seq    uint64   // the first request that told the digest
	end    time.Time
	run    *run
}

// fetch is a request that brought content.
type fetch struct {
	tag bool // of a manifest by tag
	seq uint64
	end time.Time
	run *run
}

// had returns an earlier fetch of the same process that brought content before a request.
func had(x *exchange, f *fetch) *fetch {
	if f == nil || f.run != x.run || !x.after(f.end) {
		return nil
	}
	return f
}

// fetchesAgain reports whether a request fetched a manifest whole, and without a condition.
func fetchesAgain(x *exchange) bool {
	return x.kind == op.ManifestGet && x.Status == http.StatusOK && x.answered() && value(x.Header, "If-None-Match") == "" && !x.decided() && !fallbackTag(x.Tag)
}

// before returns what the client knew of the manifest that a request fetched: the fetch that had
// brought it, and the state of the tag if it had the same digest. Both can be nil.
func before(x *exchange) (*fetch, *tagState) {
	if !x.fetches {
		x.fetch, x.tag = findFetch(x)
		x.fetches = true
	}
	return x.fetch, x.tag
}

func findFetch(x *exchange) (*fetch, *tagState) {
	digest := contentDigest(x)
	f := had(x, x.client.fetched.Get(x.host()+"@"+digest))
	t := x.client.tags.Get(x.repo() + ":" + x.Tag)
	if x.Tag == "" || t == nil || t.run != x.run || t.digest != digest || !x.after(t.end) {
		t = nil
	}
	return f, t
}

func judgeRefetch(_ *Linter, x *exchange) *found {
	if !fetchesAgain(x) {
		return nil
	}
	f, t := before(x)
	switch {
	case x.Tag == "" && f != nil && !f.tag:
		return in(x, []uint64{f.seq}, "manifest %s is fetched again; request %d had brought it", x.reference(), f.seq)
	case t != nil && len(t.gets) == 1:
		return in(x, t.gets, "manifest %s is fetched by tag again; request %d had brought it", x.reference(), t.gets[0])
	case t != nil && len(t.gets) == 0 && f == nil:
		return in(x, []uint64{t.seq}, "manifest %s is fetched by tag, although request %d has told its digest", x.reference(), t.seq)
	}
	return nil
}

func judgeGetForDigest(_ *Linter, x *exchange) *found {
	if !fetchesAgain(x) {
		return nil
	}
	f, t := before(x)
	switch {
	case f == nil:
		return nil
	case x.Tag != "" && (t == nil || len(t.gets) == 0):
		return in(x, []uint64{f.seq}, "manifest %s is fetched with GET, although request %d had brought it: HEAD would have told its digest", x.reference(), f.seq)
	case x.Tag == "" && f.tag:
		return in(x, []uint64{f.seq}, "manifest %s is fetched again by digest; of request %d the digest alone was needed: HEAD would have told it", x.reference(), f.seq)
	}
	return nil
}

func judgePoll(_ *Linter, x *exchange) *found {
	if !fetchesAgain(x) {
		return nil
	}
	_, t := before(x)
	if t == nil || len(t.gets) < 2 {
		return nil
	}
	return in(x, t.gets, "tag %s is fetched with GET for the %s time without If-None-Match, and did not change", x.reference(), ordinal(len(t.gets)+1))
}

func ordinal(n int) string {
	switch n {
	case 1:
		return "first"
	case 2:
		return "second"
	case 3:
		return "third"
	}
	return "next"
}

// learnManifest remembers the answer to a request for a manifest.
func (l *Linter) learnManifest(x *exchange) {
	switch {
	case x.kind == op.ManifestPut:
		l.learnManifestPut(x)
	case x.Status/100 == 2 && readsManifest(x):
		l.learnManifestRead(x)
	case x.Status == http.StatusNotFound && x.Info.Digest != "", x.kind == op.ManifestDelete && x.Status/100 == 2:
		x.client.forget(x, string(x.Info.Digest))
	}
	whole := x.kind == op.ManifestGet && (x.Status == http.StatusOK || x.Status == http.StatusNotModified)
	if whole || readsManifest(x) && x.Status == http.StatusNotFound {
		x.client.fallbacks.Set(x.repo()+":"+x.Tag, true)
	}
	if x.Status/100 == 2 && x.kind == op.ManifestDelete {
		l.learnReferrerDeleted(x)
	}
	if x.Status/100 == 2 && (x.kind == op.TagDelete || x.kind == op.ManifestDelete) {
		x.client.tags.Set(x.repo()+":"+x.Tag, nil)
	}
}

func (l *Linter) learnManifestRead(x *exchange) {
	digest := contentDigest(x)
	if digest == "" {
		return
	}
	x.client.know(x, digest)
	if x.kind == op.ManifestGet {
		if key := x.host() + "@" + digest; x.client.fetched.Get(key) == nil || x.Tag == "" {
			x.client.fetched.Set(key, &fetch{x.Tag != "", x.Seq, x.end, x.run})
		}
	}
	if !x.decided() && len(x.Traits) == 0 {
		c := content{size: -1, isManifest: true}
		if size := bodyLength(x.ResponseHeader); size > 0 { // some registries answer HEAD with 0
			c.size = size
		}
		if t := mediaType(value(x.ResponseHeader, "Content-Type")); strings.HasPrefix(t, "application/vnd.") {
			c.mediaType = t
		}
		known := l.contentOf(x, digest)
		if known != nil && known.manifest != nil {
			c = *known
		} else if x.kind == op.ManifestGet && !x.ResponseBodyCut {
			c.manifest = x.manifest()
		}
		if known == nil || known.manifest == nil {
			l.setContent(x, digest, c)
		}
		if x.kind == op.ManifestGet && c.manifest != nil {
			x.client.learnListed(x, c.manifest)
		}
	}
	if x.Tag != "" {
		x.client.learnTag(x, digest)
	}
}

// learnListed remembers what a manifest lists.
func (c *client) learnListed(x *exchange, m *manifest) {
	for _, d := range m.content() {
		c.listed.Set(x.repo()+"@"+d.Digest, true)
		c.hold(x, d.Digest)
	}
}

func (c *client) learnTag(x *exchange, digest string) {
	key := x.repo() + ":" + x.Tag
	t := c.tags.Get(key)
	if t == nil || t.digest != digest || t.run != x.run {
		t = &tagState{digest: digest, seq: x.Seq, end: x.end, run: x.run}
		c.tags.Set(key, t)
	}
	if x.kind == op.ManifestGet && len(t.gets) < maxSeqs {
		t.gets = append(t.gets, x.Seq)
	}
}

func (l *Linter) learnManifestPut(x *exchange) {
	c := x.client
	for _, rule := range []string{"manifest-before-content", "manifest-schema1", "subject-not-processed"} {
		l.knowsBody(rule, x)
	}
	m := x.manifest()
	if m.whole && !x.RequestBodyCut {
		for _, d := range m.content() {
			key := x.repo() + "@" + d.Digest
			if c.known.Get(key) == nil && c.awaited.Get(key) == nil && !c.listed.Get(key) {
				c.awaited.Set(key, &awaited{x.Seq, x.run})
			}
		}
	}
	if !x.succeeded() {
		return
	}
	digest := contentDigest(x)
	c.awaited.Set(x.repo()+"@"+digest, nil)
	if digest != "" {
		c.know(x, digest)
		if m.whole && !x.RequestBodyCut && l.contentOf(x, digest) == nil {
			l.setContent(x, digest, content{size: x.length(), mediaType: mediaType(value(x.Header, "Content-Type")), isManifest: true, manifest: m})
		}
		if x.Tag != "" {
			c.tags.Set(x.repo()+":"+x.Tag, nil)
			c.learnTag(x, digest)
		}
	}
	l.learnSubject(x, m)
	c.fallbacks.Set(x.repo()+":"+x.Tag, false)
}

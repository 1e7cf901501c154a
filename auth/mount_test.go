package auth_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
)

var missing = digest.FromString("nobody has this")

// mount asks for a blob, and returns the answer without what differs each time.
func (f *fixture) mount(as who, repo, query string) answer {
	f.t.Helper()
	a := f.do(as, "POST", "/v2/"+repo+"/blobs/uploads/?"+query, "")
	header := http.Header{}
	for name, values := range a.Header {
		for _, value := range values {
			header.Add(name, sessionID.ReplaceAllString(value, "<session>"))
		}
	}
	a.Header = header
	return a
}

var sessionID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}(\?_state=.*)?`)

// A mount of what one may not pull copies nothing, and tells nothing: the answer is
// the same as if nobody had the blob.
func TestMountOfSecrets(t *testing.T) {
	for _, token := range []*auth.TokenOptions{nil, {}, {Opaque: true}} {
		f, alice, secret := guarded(t, token)
		blob := secret.blob.String()
		want := f.mount(alice, "team/app", "mount="+missing.String())
		require.Equal(t, 202, want.Status)
		require.NotContains(t, want.Header.Get("Location"), "_state")
		for _, query := range []string{
			"mount=" + blob,
			"mount=" + blob + "&from=",
			"mount=" + blob + "&from=secret/app",
			"mount=" + blob + "&from=secret/missing",
			"mount=" + missing.String() + "&from=secret/app",
			"mount=" + blob + "&from=team/../secret/app",
			"mount=" + blob + "&from=/secret/app",
			"mount=" + blob + "&from=Secret/app",
			"mount=" + blob + "&from=secret/app%00",
			"from=secret/app&mount=" + blob,
			"mount=" + blob + "&from=secret/app&digest=" + blob,
		} {
			assert.Equal(t, want, f.mount(alice, "team/app", query), query)
		}
		for _, query := range []string{
			"mount=" + blob + "&from=team/app&from=secret/app",
			"mount=" + blob + "&from=secret/app&from=team/app",
			"mount=" + missing.String() + "&mount=" + blob + "&from=secret/app",
		} {
			assert.Equal(t, 400, f.mount(alice, "team/app", query).Status, query)
		}
		f.do(alice, "GET", "/v2/team/app/blobs/uploads/?mount="+blob+"&from=secret/app", "")
		f.do(alice, "PUT", "/v2/team/app/blobs/uploads/?mount="+blob+"&from=secret/app", "")
		assert.Equal(t, 404, f.get(alice, "/v2/team/app/blobs/"+blob).Status)
		assert.Equal(t, 404, send(t, f.open, anonymous, "GET", "/v2/team/app/blobs/"+blob, "").Status)
	}
}

// What may be pulled may be mounted, by name or from wherever it is.
func TestMountOfOwn(t *testing.T) {
	f, alice, _ := guarded(t, nil)
	own := digest.FromString("layer of team/app").String()
	assert.Equal(t, 201, f.mount(alice, "inbox", "mount="+own+"&from=team/app").Status)
	assert.Equal(t, 201, f.mount(alice, "team/other", "mount="+own).Status)
	assert.Equal(t, 403, f.mount(alice, "secret/app", "mount="+own+"&from=team/app").Status)
	inbox := digest.FromString("layer of inbox").String()
	assert.Equal(t, 202, f.mount(alice, "team/other", "mount="+inbox+"&from=inbox").Status, "it may not be pulled")
	assert.Equal(t, 202, f.mount(alice, "inbox", "mount="+inbox+"&from=inbox").Status, "not even to where it is")
	// Among several that have it, the one that may be pulled is found.
	f.pushBlob("a", "shared")
	f.pushBlob("secret/app", "shared")
	f.pushBlob("team/app", "shared")
	f.pushBlob("z", "shared")
	assert.Equal(t, 201, f.mount(alice, "team/third", "mount="+digest.FromString("shared").String()).Status)
}

// With a token, a source that the client names must be in its scope. If the user may
// pull from it, the challenge says what to ask for. Where a blob is mounted from
// that the client does not name is for the registry to find among what the user may
// pull.
func TestMountNeedsScope(t *testing.T) {
	f, _, _ := guarded(t, &auth.TokenOptions{})
	own := digest.FromString("layer of team/app").String()
	alice := basic("alice", "secret")
	narrow := bearer(f.token(alice, "repository:team/other:pull,push"))
	wide := bearer(f.token(alice, "repository:team/other:pull,push", "repository:team/app:pull"))
	refused := f.mount(narrow, "team/other", "mount="+own+"&from=team/app")
	assert.Equal(t, 401, refused.Status)
	assert.Contains(t, refused.Header.Get("WWW-Authenticate"), `scope="repository:team/other:pull,push repository:team/app:pull",error="insufficient_scope"`)
	assert.Equal(t, 202, f.mount(narrow, "team/other", "mount="+own+"&from=secret/app").Status)
	assert.Equal(t, 201, f.mount(narrow, "team/other", "mount="+own).Status)
	assert.Equal(t, 201, f.mount(wide, "team/other", "mount="+own+"&from=team/app").Status)
	assert.Equal(t, 201, f.mount(wide, "team/other", "mount="+own).Status)
}

// The challenge to a mount can name the source from the first, or the source can need no scope.
func TestMountSource(t *testing.T) {
	own := digest.FromString("layer of team/app").String()
	alice := basic("alice", "secret")
	const target, source = "repository:team/other:pull,push", "repository:team/app:pull"
	for option, want := range map[string]struct {
		first string // the scope of the first challenge
		next  int    // the status of the mount with a token for the target
	}{
		"":        {target, 401},
		"named":   {target + " " + source, 401},
		"ignored": {target, 202},
	} {
		f, _, _ := guarded(t, &auth.TokenOptions{MountSource: option})
		first := f.mount(anonymous, "team/other", "mount="+own+"&from=team/app")
		assert.Equal(t, 401, first.Status)
		assert.Contains(t, first.Challenge[0], `scope="`+want.first+`"`, option)
		next := f.mount(bearer(f.token(alice, target)), "team/other", "mount="+own+"&from=team/app")
		assert.Equal(t, want.next, next.Status, option)
		if next.Status == 401 {
			assert.Contains(t, next.Challenge[0], `scope="`+target+" "+source+`"`, option)
		}
		assert.Equal(t, 201, f.mount(bearer(f.token(alice, target, source)), "team/other", "mount="+own+"&from=team/app").Status, option)
		same := f.mount(anonymous, "team/other", "mount="+own+"&from=team/other")
		assert.Contains(t, same.Challenge[0], `scope="`+target+`"`, option)
		bad := f.mount(anonymous, "team/other", "mount="+own+"&from=../x")
		assert.Contains(t, bad.Challenge[0], `scope="`+target+`"`, option)
	}
}

// A token without scopes allows what its user may do, and no more.
func TestUnscopedTokens(t *testing.T) {
	for _, opaque := range []bool{false, true} {
		f, _, secret := guarded(t, &auth.TokenOptions{Unscoped: true, Scope: "*", Opaque: opaque})
		assert.Contains(t, f.get(anonymous, "/v2/").Challenge[0], `scope="*"`)
		token := bearer(f.token(basic("alice", "secret"), "*"))
		own := digest.FromString("layer of team/app").String()
		assert.Equal(t, 200, f.get(token, "/v2/").Status)
		assert.Equal(t, 200, f.get(token, "/v2/team/app/blobs/"+own).Status)
		assert.Equal(t, 201, f.mount(token, "team/other", "mount="+own+"&from=team/app").Status)
		assert.Equal(t, 401, f.get(token, "/v2/secret/app/blobs/"+secret.blob.String()).Status)
		assert.Equal(t, 202, f.mount(token, "team/other", "mount="+secret.blob.String()+"&from=secret/app").Status)
		nobody := bearer(f.token(anonymous))
		assert.Equal(t, 200, f.get(nobody, "/v2/").Status, "as any token")
		assert.Equal(t, 401, f.get(nobody, "/v2/team/app/blobs/"+own).Status)
	}
}

// A manifest may name only what is in its own repository; what others have is as
// unknown as what nobody has.
func TestManifestsOfOthersBlobs(t *testing.T) {
	f, alice, secret := guarded(t, nil)
	config := f.pushBlob("team/app", "{}")
	put := func(raw string) answer {
		return f.do(alice, "PUT", "/v2/team/app/manifests/stolen", raw, "Content-Type", ocispec.MediaTypeImageManifest)
	}
	a, b := put(image(t, config, secret.blob, 1)), put(image(t, config, missing, 1))
	assert.Equal(t, 400, a.Status)
	assert.Equal(t, "MANIFEST_BLOB_UNKNOWN", a.Code)
	assert.Equal(t, b.Body, strings.ReplaceAll(a.Body, secret.blob.String(), missing.String()))
	assert.Equal(t, b.Header, a.Header)

	index := string(`{"schemaVersion":2,"mediaType":"` + ocispec.MediaTypeImageIndex + `","manifests":[{"mediaType":"` +
		ocispec.MediaTypeImageManifest + `","digest":"` + secret.manifest.String() + `","size":1}]}`)
	c := f.do(alice, "PUT", "/v2/team/app/manifests/stolen", index, "Content-Type", ocispec.MediaTypeImageIndex)
	assert.Equal(t, "MANIFEST_BLOB_UNKNOWN", c.Code)
}

// A subject may be anything: to refer to what others have shows nothing of it, nor
// that they have it, nor does it show there.
func TestReferrersOfOthers(t *testing.T) {
	f, alice, secret := guarded(t, nil)
	config := f.pushBlob("team/app", "{}")
	referrer := func(subject digest.Digest) answer {
		raw := encoded(t, ocispec.Manifest{
			Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
			Config:  ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: config, Size: 2},
			Layers:  []ocispec.Descriptor{},
			Subject: &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: subject, Size: 1},
		})
		return f.do(alice, "PUT", "/v2/team/app/manifests/referrer", raw, "Content-Type", ocispec.MediaTypeImageManifest)
	}
	a, b := referrer(secret.manifest), referrer(missing)
	assert.Equal(t, []int{201, 201}, []int{a.Status, b.Status})
	assert.Equal(t, []string{secret.manifest.String(), missing.String()}, []string{a.Header.Get("OCI-Subject"), b.Header.Get("OCI-Subject")})
	there := send(t, f.open, anonymous, "GET", "/v2/secret/app/referrers/"+secret.manifest.String(), "")
	assert.NotContains(t, there.Body, "sha256:")
	assert.Equal(t, 403, f.get(alice, "/v2/secret/app/referrers/"+secret.manifest.String()).Status)
}

// An upload session belongs to its repository. Whoever may push there and knows its
// location may go on with it.
func TestUploadSessionsOfOthers(t *testing.T) {
	f, alice, _ := guarded(t, nil)
	there := f.session("secret/app")
	id := sessionIDIn(there)
	for _, location := range []string{
		strings.Replace(there, "/v2/secret/app/", "/v2/team/app/", 1),
		forgedLocation("team/app", id),
		forgedLocation("inbox", id),
		forgedLocation("team/app", "00000000-0000-4000-8000-000000000000"),
	} {
		for _, method := range []string{"GET", "PATCH", "PUT", "DELETE"} {
			target := location
			if method == "PUT" {
				target += "&digest=" + digest.FromString("hello").String()
			}
			a := f.do(alice, method, target, "hello")
			assert.Equal(t, 404, a.Status, "%s %s", method, location)
			assert.Equal(t, "BLOB_UPLOAD_UNKNOWN", a.Code)
		}
	}
	for _, method := range []string{"GET", "PATCH", "PUT", "DELETE"} {
		assert.Equal(t, 403, f.do(alice, method, there, "hello").Status)
	}
	assert.Equal(t, 204, send(t, f.open, anonymous, "GET", there, "").Status)

	own := f.session("team/app")
	require.Equal(t, 204, f.get(alice, forgedLocation("team/app", sessionIDIn(own))).Status, "the forgery is a good one")
	assert.Equal(t, 202, f.do(alice, "PATCH", own, "hello").Status)
	assert.Equal(t, 401, f.do(anonymous, "PATCH", own, "hello").Status)
}

func sessionIDIn(location string) string {
	id, _, _ := strings.Cut(location[strings.LastIndexByte(location, '/')+1:], "?")
	return id
}

// forgedLocation is one that the registry might have handed out, as anybody who
// has read it can write.
func forgedLocation(repo, id string) string {
	const fields = "0.1.0"
	sum := sha256.Sum256([]byte(repo + "\x00" + id + "\x00" + fields))
	return "/v2/" + repo + "/blobs/uploads/" + id + "?_state=" + fields + "." + hex.EncodeToString(sum[:8])
}

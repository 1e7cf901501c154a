package registry_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
)

// Each change makes a manifest that parsers read differently, or that is not what
// the image specification defines.
func TestManifestAmbiguous(t *testing.T) {
	f := newFixture(t, registry.Options{})
	image := string(encode(t, f.image("app", "layer")))
	child := f.pushImage("app", "child", "layer")
	index := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":%d,"platform":{"architecture":"amd64","os":"linux"}}]}`,
		ocispec.MediaTypeImageIndex, child.MediaType, child.Digest, child.Size)
	const config = `"config":{"mediaType":"application/vnd.oci.image.config.v1+json"`
	const platform = `"architecture":"amd64"`
	long := strings.Repeat("a", 128)

	tests := []struct {
		name, manifest, old, new, message string
	}{
		{"name in capitals", image, `"schemaVersion"`, `"SCHEMAVERSION"`, `the manifest has the name "SCHEMAVERSION": write "schemaVersion"`},
		{"name with another letter of the same case folding", image, `"schemaVersion"`, `"ſchemaVersion"`, `write "schemaVersion"`},
		{"name in capitals, escaped", image, `"mediaType"`, `"\u004dediaType"`, `write "mediaType"`},
		{"name twice", image, `{`, `{"schemaVersion":2,`, `the manifest has the name "schemaVersion" twice`},
		{"name twice, once escaped", image, `{`, `{"schema\u0056ersion":2,`, `the manifest has the name "schemaVersion" twice`},
		{"name twice in two cases", image, `{`, `{"MediaType":"a/b",`, `the manifest has the name "MediaType": write "mediaType"`},
		{"undefined name in two cases", image, `{`, `{"x-custom":1,"X-Custom":2,`, `the manifest has the names "x-custom" and "X-Custom", which differ only in case`},
		{"undefined name twice", image, `{`, `{"x-custom":1,"x-custom":1,`, `twice`},
		{"name twice in an undefined object", image, `{`, `{"x-custom":[{"a":{"b":1,"c":2,"b":3}}],`, `x-custom[0].a has the name "b" twice`},
		{"name twice in a descriptor", image, config, config + `,"mediaType":"a/b"`, `config has the name "mediaType" twice`},
		{"name in capitals in a descriptor", image, config, config + `,"Size":7`, `config has the name "Size": write "size"`},
		{"name in capitals in a layer", image, `"layers":[{`, `"layers":[{"DIGEST":"x",`, `layers[0] has the name "DIGEST"`},
		{"annotation twice", image, `{`, `{"annotations":{"a":"b","a":"c"},`, `annotations has the name "a" twice`},
		{"name twice in a platform", index, platform, platform + `,"architecture":"arm64"`, `manifests[0].platform has the name "architecture" twice`},
		{"name in capitals in a platform", index, platform, platform + `,"OS":"windows"`, `manifests[0].platform has the name "OS"`},

		{"no size", image, `"layers":[`, `"layers":[{"mediaType":"a/b","digest":"` + string(digest.FromString("")) + `","urls":["https://x.example"]},`, `layers[0] has no size`},
		{"no size of a subject", image, `{`, `{"subject":{"mediaType":"a/b","digest":"` + string(digest.FromString("")) + `"},`, `subject has no size`},
		{"no architecture", index, platform + `,`, ``, `manifests[0].platform has no architecture`},
		{"no os", index, `,"os":"linux"`, ``, `manifests[0].platform has no os`},

		{"no UTF-8", image, `{`, "{\"x\":\"\xff\",", `not UTF-8`},
		{"half a surrogate pair", image, `{`, `{"annotations":{"a":"\ud83d"},`, `annotations.a has an escape that is half of a surrogate pair`},
		{"second half of a surrogate pair", image, `{`, `{"annotations":{"a":"\ude00\ud83d"},`, `half of a surrogate pair`},
		{"half a surrogate pair before an escape", image, `{`, `{"annotations":{"a":"\\\ud83d\n"},`, `half of a surrogate pair`},
		{"half a surrogate pair in a name", image, `{`, `{"\ud83dx":1,`, `half of a surrogate pair`},

		{"layers null", image, image[strings.Index(image, `"layers"`):], `"layers":null}`, `layers is null`},
		{"no layers", image, image[strings.Index(image, `,"layers"`):], `}`, `layers are missing`},
		{"manifests null", index, index[strings.Index(index, `"manifests"`):], `"manifests":null}`, `manifests is null`},
		{"layer null", image, `"layers":[`, `"layers":[null,`, `layers[0] is null`},
		{"config null", image, `{`, `{"config":null,`, `config is null`},
		{"subject null", image, `{`, `{"subject":null,`, `subject is null`},
		{"annotations null", image, `{`, `{"annotations":null,`, `annotations is null`},
		{"annotation null", image, `{`, `{"annotations":{"a":null},`, `annotations.a is null`},
		{"artifactType null", image, `{`, `{"artifactType":null,`, `artifactType is null`},
		{"urls null", image, config, config + `,"urls":null`, `config.urls is null`},
		{"url null", image, config, config + `,"urls":[null]`, `config.urls[0] is null`},
		{"data null", image, config, config + `,"data":null`, `config.data is null`},
		{"platform null", index, `"platform":{"architecture":"amd64","os":"linux"}`, `"platform":null`, `manifests[0].platform is null`},
		{"os null", index, `"os":"linux"`, `"os":null`, `manifests[0].platform.os is null`},

		{"artifactType no media type", image, `{`, `{"artifactType":"not a media type",`, `artifactType "not a media type" is not a media type`},
		{"artifactType empty", image, `{`, `{"artifactType":"",`, `artifactType "" is not a media type`},
		{"mediaType of a config", image, config, `"config":{"mediaType":"a b/ c?"`, `config.mediaType "a b/ c?" is not a media type`},
		{"mediaType with a parameter", image, config, `"config":{"mediaType":"text/plain; charset=utf-8"`, `without parameters`},
		{"mediaType without a subtype", image, config, `"config":{"mediaType":"text/"`, `not a media type`},
		{"mediaType without a type", image, config, `"config":{"mediaType":"/plain"`, `not a media type`},
		{"mediaType with two slashes", image, config, `"config":{"mediaType":"a/b/c"`, `not a media type`},
		{"mediaType that begins with a dot", image, config, `"config":{"mediaType":"a/.b"`, `not a media type`},
		{"mediaType too long", image, config, `"config":{"mediaType":"a/` + long + `"`, `not a media type`},
		{"artifactType of an index's entry", index, platform + `,"os":"linux"}`, platform + `,"os":"linux"},"artifactType":"x"`, `manifests[0].artifactType "x"`},
		{"artifactType of an index", index, `{`, `{"artifactType":"x y",`, `artifactType "x y"`},
		{"mediaType of an index's entry", index, `[{"mediaType":"` + child.MediaType, `[{"mediaType":"äpp/x`, `manifests[0].mediaType "äpp/x"`},

		{"one digest, two sizes", image, `"layers":[`, fmt.Sprintf(`"layers":[{"mediaType":"a/b","digest":%q,"size":4},`, digest.FromString("layer")), "with the same digest"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := fixture{f.Registry, t}
			mediaType := ocispec.MediaTypeImageManifest
			if tt.manifest == index {
				mediaType = ocispec.MediaTypeImageIndex
			}
			assert.Equal(t, 1, strings.Count(tt.manifest[:strings.Index(tt.manifest, tt.old)+len(tt.old)], tt.old))
			changed := strings.Replace(tt.manifest, tt.old, tt.new, 1)
			body := f.status(f.put("app", "v1", mediaType, changed), http.StatusBadRequest, "MANIFEST_INVALID")
			assert.Contains(t, errorsIn(t, body)[0].Message, tt.message)
			_, err := registry.ParseManifest(mediaType, []byte(changed))
			assert.ErrorIs(t, err, registry.ManifestInvalid)
		})
	}
	f.status(f.get("/v2/app/manifests/v1"), http.StatusNotFound, "MANIFEST_UNKNOWN")
}

// What is not ambiguous is accepted.
func TestManifestUnambiguous(t *testing.T) {
	f := newFixture(t, registry.Options{})
	image := string(encode(t, f.image("app", "layer")))
	long := strings.Repeat("a", 127)
	for _, addition := range []string{
		`"annotations":{"key":"a","Key":"b","":"c"}`,
		`"annotations":{"smile":"\ud83d\ude00 \\ud83d \u00e4 😀\uD83D\uDE00"}`,
		`"x-custom":null`,
		`"x-custom":{"a":null,"A":[null,{"a":1},{"a":1}],"mediatype":"x y"}`,
		`"artifactType":"application/vnd.example-1.2_3!#$&^+json"`,
		`"artifactType":"` + long + `/` + long + `"`,
		"\n\t\"x\" :\r\n[ 1.5e+3 , true,false , \"\\\"\\\\\" , { } , [ ] ] ",
	} {
		changed := strings.Replace(image, `{`, `{`+addition+`,`, 1)
		f.status(f.put("app", "v1", ocispec.MediaTypeImageManifest, changed), http.StatusCreated)
	}
}

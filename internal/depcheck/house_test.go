package depcheck_test

import "strings"

// floor is a package of this module with the imports that it may have besides the standard library.
// Paths are relative to the root of the module.
type floor struct {
	name    string
	imports string // packages of this module
	modules string // other modules; "*": any
}

const (
	containerregistry = "github.com/google/go-containerregistry"
	digest            = "github.com/opencontainers/go-digest"
	imageSpec         = "github.com/opencontainers/image-spec"
	jwt               = "github.com/golang-jwt/jwt/v5"
	xcrypto           = "golang.org/x/crypto"
	btree             = "github.com/google/btree"
	diff              = "github.com/rogpeppe/go-internal"
	yaml              = "go.yaml.in/yaml/v3"
	ginkgo            = "github.com/onsi/ginkgo/v2"
)

// house lists the packages of this module. A package may import only packages below it. Internal
// packages that import only the standard library and one another are not listed: every package may
// import them.
var house = []floor{
	{"cmd/ocifake", "*", "*"},
	{"config", "auth faults internal/strict internal/yamltext profiles registrytest", ""},
	{"exam", "auth faults faults/known images internal/content internal/engine internal/inflight internal/pulled internal/recorder lint memstore op profiles record registry registrytest", list(containerregistry, digest, imageSpec)},
	{"keep", "internal/kept internal/replay internal/upstream registrytest", ""},
	{"registrytest", "auth faults lint internal/apistore internal/content internal/engine internal/filter internal/recorder internal/replay internal/server internal/upstream memstore op profiles record registry", list(containerregistry, digest, imageSpec, diff)},
	{"images", "internal/content", list(containerregistry, digest)},
	{"spec/ginkgospec", "registry registry/storetest spec", list(ginkgo)},
	{"spec", "", list(digest, imageSpec)},
	{"docs", "", ""},
	{"internal/control", "auth lint faults faults/known internal/content internal/effect internal/engine internal/inflight internal/recorder internal/worldstore op profiles record registry", list(digest, imageSpec)},
	{"internal/kept", "internal/content internal/learn internal/replay layoutstore op profiles record registry", list(digest, imageSpec)},
	{"internal/replay", "auth internal/content internal/inflight internal/layoutdir memstore op profiles registry", list(digest, imageSpec)},
	{"internal/worldstore", "memstore registry", list(digest, imageSpec)},
	{"lint", "op record", list(digest)},
	{"internal/server", "auth faults internal/effect internal/engine internal/faultnames internal/inflight internal/recorder op", ""},
	{"internal/upstream", "internal/inflight op", ""},
	{"internal/recorder", "internal/inflight op record", ""},
	{"internal/testmain", "", "go.uber.org/goleak"},
	{"layoutstore", "internal/content internal/layoutdir memstore op registry", list(digest, imageSpec)},
	{"internal/layoutdir", "memstore op registry", list(digest, imageSpec)},
	{"internal/content", "op registry", list(containerregistry, digest, imageSpec)},
	{"internal/apistore", "registry", list(digest, imageSpec)},
	{"internal/engine", "faults internal/effect internal/inflight internal/filter op record registry", ""},
	{"internal/faultnames", "faults faults/known internal/effect internal/filter op record", ""},
	{"internal/fidelity", "internal/strict op record registry", list(digest)},
	{"internal/learn", "faults internal/evidence internal/redact op profiles record registry", list(digest, imageSpec)},
	{"profiles/probe", "internal/evidence op profiles registry", list(digest, imageSpec)},
	{"profiles", "auth faults internal/strict op record registry", ""},
	{"faults/known", "faults record", ""},
	{"faults", "internal/effect internal/filter op record", list(digest)},
	{"internal/effect", "internal/inflight internal/filter op record registry", list(digest)},
	{"auth", "internal/inflight op registry", list(jwt, xcrypto)},
	{"memstore", "op registry", list(digest, imageSpec, btree)},
	{"registry/storetest", "registry", list(digest, imageSpec)},
	{"registry", "internal/inflight op", list(digest, imageSpec)},
	{"record", "internal/filter internal/jsonedit op", list(digest)},
	{"internal/filter", "op", ""},
	{"internal/inflight", "op", list(digest)},
	{"internal/evidence", "op", list(digest)},
	{"internal/pulled", "", list(digest)},
	{"op", "", list(digest)},
	{"internal/httpfield", "", ""},
	{"internal/memnet", "", ""},
	{"internal/yamltext", "internal/strict", list(yaml)},
	{"internal/strict", "", ""},
	{"internal/clientenv", "", ""},
	{"internal/bytesize", "", ""},
	{"internal/must", "", ""},
	{"internal/near", "", ""},
	{"internal/recent", "", ""},
	{"internal/redact", "", ""},
	{"internal/jsonedit", "", ""},
	{"internal/pattern", "", ""},
	{"internal/terminal", "", ""},
	{"internal/thorough", "", ""},
	{"internal/update", "", ""},
	{"internal/uuid", "", ""},
}

// linked are the other modules in the binary of a test that imports registrytest. There are at most
// seven.
var linked = []string{containerregistry, digest, imageSpec, jwt, xcrypto, btree, diff}

func list(modules ...string) string { return strings.Join(modules, " ") }

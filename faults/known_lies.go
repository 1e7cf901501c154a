package faults

import (
	"github.com/ocifake/ocifake/op"
)

const (
	digestHeader = "Docker-Content-Digest"
	typeHeader   = "Content-Type"
	lengthHeader = "Content-Length"

	// wrongDigest is the digest of nothing that is there.
	wrongDigest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
)

// What is answered and is not so.
func knownLies() []Preset {
	return []Preset{
		{
			Name:      "corrupt-blob",
			What:      "one byte of a blob is wrong, once",
			Citations: []string{"containerd/containerd#3974"},
			Clients:   []string{"containerd"},
			Correct:   "verifies the digest, and asks again for the whole",
			Recovers:  true,
			Rules:     rules(On(op.BlobGet).Times(1).Do(Corrupt(10))),
		},
		{
			Name:      "empty-blob",
			What:      "200 with Content-Length: 0 for a blob, once",
			Citations: []string{"distribution/distribution#2788", "containerd/containerd#4908"},
			Clients:   []string{"docker", "containerd"},
			Correct:   "verifies size and digest, and asks again",
			Recovers:  true,
			Rules:     rules(On(op.BlobGet).Times(1).Do(Truncate(0))),
		},
		{
			Name:      "digest-header-wrong",
			What:      "the Docker-Content-Digest of every manifest is another one's",
			Citations: []string{"distribution/distribution#2395", "google/go-containerregistry#56", "uber/kraken#34", "distribution/distribution#3718"},
			Clients:   []string{"go-containerregistry", "kraken"},
			Correct:   "computes the digest of the body, and fails as it differs",
			Rules:     rules(onManifest().Do(SetHeader(digestHeader, wrongDigest))),
		},
		{
			Name:      "digest-header-wrong-on-head",
			What:      "the Docker-Content-Digest of a manifest is another one's in answers to HEAD, not to GET",
			Citations: []string{"containerd/containerd#4397", "keel-hq/keel#717"},
			Clients:   []string{"containerd", "keel"},
			Correct:   "fails as HEAD and GET differ; or asks with GET only, and verifies",
			Rules:     rules(On(op.ManifestHead).Do(SetHeader(digestHeader, wrongDigest))),
		},
		{
			Name:      "digest-header-missing",
			What:      "no Docker-Content-Digest in answers to requests for a manifest, as registry.access.redhat.com had it; ECR leaves it out for GET by tag",
			Citations: []string{"containerd/containerd#3238", "containerd/containerd#3549", "apple/containerization#715", "https://github.com/cue-labs/oci/blob/main/ociregistry/ociclient/reader.go"},
			Clients:   []string{"containerd", "containerization", "ociclient"},
			Correct:   "computes the digest of the body",
			Recovers:  true,
			Rules:     rules(onManifest().Do(DropHeader(digestHeader))),
		},
		{
			Name:      "manifest-type-json",
			What:      "Content-Type: application/json for every manifest",
			Citations: []string{"containerd/cri#787"},
			Clients:   []string{"containerd"},
			Correct:   "reads mediaType in the manifest",
			Recovers:  true,
			Rules:     rules(onManifest().Do(SetHeader(typeHeader, jsonType))),
		},
		{
			Name:      "manifest-type-plain",
			What:      "Content-Type: text/plain for every manifest, as Ollama's registry has it",
			Citations: []string{"ollama/ollama#6470", "containers/image#2539"},
			Clients:   []string{"containers/image"},
			Correct:   "reads mediaType in the manifest",
			Recovers:  true,
			Rules:     rules(onManifest().Do(SetHeader(typeHeader, textType))),
		},
		{
			Name:      "manifest-type-parameters",
			What:      "a Content-Type with parameters for every manifest, as Quay had it",
			Citations: []string{"camallo/dkregistry-rs#82", "opencontainers/distribution-spec#469"},
			Clients:   []string{"dkregistry-rs"},
			Correct:   "compares media types without their parameters",
			Recovers:  true,
			Rules:     rules(onManifest().Do(SetHeader(typeHeader, "application/vnd.oci.image.manifest.v1+json; charset=utf-8"))),
		},
		{
			Name:      "head-type-missing",
			What:      "no Content-Type in answers to HEAD of a manifest",
			Citations: []string{"containerd/containerd#7390"},
			Clients:   []string{"containerd"},
			Correct:   "asks with GET",
			Recovers:  true,
			Rules:     rules(On(op.ManifestHead).Do(DropHeader(typeHeader))),
		},
		{
			Name:      "blob-type-html",
			What:      "Content-Type: text/html for every blob",
			Citations: []string{"google/go-containerregistry#1061"},
			Clients:   []string{"go-containerregistry"},
			Correct:   "ignores the Content-Type of blobs",
			Recovers:  true,
			Rules:     rules(On(op.BlobGet, op.BlobHead).Do(SetHeader(typeHeader, htmlType))),
		},
		{
			Name:      "length-missing",
			What:      "no Content-Length for blobs and manifests: bodies are chunked, and HEAD tells no size",
			Citations: []string{"google/go-containerregistry#1061", "oras-project/oras-go#370", "oras-project/oras-go#882", "cloudfoundry/garden#62", "distribution/distribution#4895"},
			Clients:   []string{"go-containerregistry", "oras-go", "garden"},
			Correct:   "goes by the size in the descriptor, and gets the manifest if HEAD does not tell",
			Recovers:  true,
			Rules:     rules(On(op.ManifestGet, op.ManifestHead, op.BlobGet, op.BlobHead).Do(DropHeader(lengthHeader))),
		},
		{
			Name:      "head-length-zero",
			What:      "Content-Length: 0 in answers to HEAD, as from proxies that compress",
			Citations: []string{"yusing/godoxy#169", "https://github.com/quay/quay/blob/master/conf/nginx/server-base.conf.jnj"},
			Clients:   []string{"docker"},
			Correct:   "asks with GET",
			Recovers:  true,
			Rules:     rules(On(op.ManifestHead, op.BlobHead).Do(SetHeader(lengthHeader, "0"))),
		},
		{
			Name:      "content-encoding-gzip",
			What:      "blobs and manifests are compressed on their way, with Content-Encoding: gzip, as registry.access.redhat.com and Cloudflare's serverless registry do if the client accepts it; here, whatever it accepts",
			Citations: []string{"quay/quay#1310", "cloudflare/serverless-registry#136"},
			Clients:   []string{"quay"},
			Correct:   "undoes the encoding before it verifies the digest",
			Recovers:  true,
			Rules:     rules(On(op.ManifestGet, op.BlobGet).Do(Gzip())),
		},
		{
			Name:      "content-encoding-x-gzip",
			What:      "Content-Encoding: x-gzip on blobs that are sent as they are, as by a web server that goes by their names",
			Citations: []string{"moby/moby#17595", "moby/moby#25122"},
			Clients:   []string{"docker"},
			Correct:   "verifies the digest of the bytes as they are",
			Recovers:  true,
			Rules:     rules(On(op.BlobGet).Do(SetHeader("Content-Encoding", "x-gzip"))),
		},
	}
}

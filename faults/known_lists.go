package faults

import (
	"net/http"

	"github.com/ocifake/ocifake/op"
)

const (
	linkHeader    = "Link"
	subjectHeader = "OCI-Subject"
)

// tagList answers with these tags, written as JSON, instead of those there are.
func tagList(tags string) Answer {
	return Status(http.StatusOK).Body(jsonType, `{"name":"{repo}","tags":`+tags+`}`)
}

// What is wrong with lists, and with what is kept under tags.
func knownLists() []Preset {
	return []Preset{
		{
			Name:      "pagination-ignored",
			What:      "n and last are ignored: every list of tags is the same one, without Link",
			Citations: []string{"cue-labs/oci#53", "google/go-containerregistry#897", "distribution/distribution#1936"},
			Clients:   []string{"ociclient", "go-containerregistry"},
			Correct:   "takes a list without Link for the whole",
			Recovers:  true,
			Rules:     rules(On(op.TagList).Do(tagList(`["v1","v2","v3"]`))),
		},
		{
			Name:      "link-self",
			What:      "every page of a list links to itself as the next one",
			Citations: []string{"oras-project/oras-go#1214", "oras-project/oras-go#1215", "https://github.com/oras-project/oras-go/security/advisories/GHSA-298f-872v-2rcx", "https://github.com/cloudflare/serverless-registry/blob/main/src/router.ts"},
			Clients:   []string{"oras-go"},
			Correct:   "gives up when a page comes again, or after some pages",
			Rules:     rules(On(op.TagList, op.RepositoryList, op.ReferrerList).Do(SetHeader(linkHeader, `<{target}>; rel="next"`))),
		},
		{
			Name:      "link-first-page",
			What:      "the last page of a list of tags links to the first",
			Citations: []string{"parabuzzle/craneoperator#52"},
			Clients:   []string{"craneoperator"},
			Correct:   "gives up when a page comes again, or after some pages",
			Rules:     rules(On(op.TagList).Do(SetHeader(linkHeader, `<{prefix}/v2/{repo}/tags/list?n=1000>; rel="next"`))),
		},
		{
			Name:      "link-wrong-path",
			What:      "the Link of a list of tags has a path that the registry does not know, as Nexus has it: 400",
			Citations: []string{"sonatype/nexus-public#1011"},
			Clients:   []string{"curl"},
			Correct:   "fails, rather than take the first page for the whole",
			Rules: rules(
				On(op.TagList).Do(SetHeader(linkHeader, `<{prefix}/repository/docker/v2/{repo}/tags/list?n=100&last=v1>; rel="next"`)),
				On(op.Unknown).Do(Status(http.StatusBadRequest).HTML()),
			),
		},
		{
			Name:      "link-relative",
			What:      "the first page of tags ends at v1, and its Link is relative to the list itself",
			Citations: []string{"estesp/manifest-tool#65", "keel-hq/keel#371"},
			Clients:   []string{"manifest-tool", "keel"},
			Correct:   "resolves it against the URL of the page (RFC 8288, 3.2)",
			Recovers:  true,
			Rules:     rules(On(op.TagList).Times(1).Do(tagList(`["v1"]`).Header(linkHeader, `<list?last=v1>; rel="next"`))),
		},
		{
			Name:      "link-without-brackets",
			What:      "the first page of tags ends at v1, and its Link has no angle brackets, as with Cloudflare's serverless registry",
			Citations: []string{"cloudflare/serverless-registry#114", "https://github.com/cloudflare/serverless-registry/blob/main/src/router.ts"},
			Clients:   []string{"oras-go"},
			Correct:   "fails, or reads it all the same; but does not take the first page for the whole",
			Recovers:  true,
			Rules:     rules(On(op.TagList).Times(1).Do(tagList(`["v1"]`).Header(linkHeader, `{origin}{prefix}/v2/{repo}/tags/list?last=v1; rel=next`))),
		},
		{
			Name:      "page-size-405-ecr",
			What:      "UNSUPPORTED to a list of tags, once, as ECR has it for n over 1000; 405 is the status it has with this code for other parameters",
			Citations: []string{"google/go-containerregistry#681", "renovatebot/renovate#3800", "andrey-pohilko/registry-cli#79", "CodesWhat/drydock#927", "oras-project/oras#690"},
			Clients:   []string{"go-containerregistry", "renovate", "registry-cli"},
			Correct:   "asks for smaller pages, or leaves n out",
			Recovers:  true,
			Rules: rules(On(op.TagList).Times(1).Do(Status(http.StatusMethodNotAllowed).
				Error("UNSUPPORTED", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to 1000'"))),
		},
		{
			Name:      "tags-null",
			What:      "the tags of a list are null, as distribution had it to version 2.8 for a repository without any",
			Citations: []string{"distribution/distribution#1186", "https://github.com/distribution/distribution/blob/v2.8.3/registry/handlers/tags.go"},
			Clients:   []string{"Portus"},
			Correct:   "takes it for an empty list",
			Recovers:  true,
			Rules:     rules(On(op.TagList).Do(tagList(`null`))),
		},
		{
			Name:      "tags-with-null",
			What:      "one of the tags in a list is null, as with Nexus",
			Citations: []string{"containers/skopeo#2409", "https://github.com/containers/image/blob/main/docker/docker_image.go"},
			Clients:   []string{"skopeo"},
			Correct:   "leaves out what is no tag",
			Recovers:  true,
			Rules:     rules(On(op.TagList).Do(tagList(`["v1",null,"v2","v3"]`))),
		},
		{
			Name:      "tags-with-digest",
			What:      "one of the tags in a list is a digest, as with Artifactory",
			Citations: []string{"containers/skopeo#2346"},
			Clients:   []string{"skopeo"},
			Correct:   "leaves out what is no tag",
			Recovers:  true,
			Rules:     rules(On(op.TagList).Do(tagList(`["` + wrongDigest + `","v1","v2","v3"]`))),
		},
		{
			Name:      "tags-unsorted",
			What:      "the tags of a list are in no order",
			Citations: []string{"distribution/distribution#3143", "concourse/registry-image-resource#352", "containers/skopeo#1465"},
			Clients:   []string{"registry-image-resource", "skopeo"},
			Correct:   "does not rely on the order",
			Recovers:  true,
			Rules:     rules(On(op.TagList).Do(tagList(`["v2","v3","v1"]`))),
		},
		{
			Name:      "referrers-404",
			What:      "404 to every list of referrers: the API is not there, as with GitLab and GHCR",
			Citations: []string{"oras-project/oras-go#1396", "oras-project/rust-oci-client#259", "dataaxiom/ghcr-cleanup-action#13"},
			Clients:   []string{"oras-go", "rust-oci-client"},
			Correct:   "falls back to the referrers tag (distribution specification, \"Unavailable Referrers API\")",
			Recovers:  true,
			Rules: rules(
				On(op.ReferrerList).Do(Status(http.StatusNotFound).Body(textType, "404 page not found\n")),
				On(op.ManifestPut).Do(DropHeader(subjectHeader)),
			),
		},
		{
			Name:      "referrers-tag-no-index",
			What:      "404 to every list of referrers, and the subject itself under the referrers tag, as GitLab has it",
			Citations: []string{"oras-project/oras-go#1396", "oras-project/oras#2148"},
			Clients:   []string{"oras-go", "oras"},
			Correct:   "takes the subject, and what is no index, for no referrers",
			Recovers:  true,
			Rules: rules(
				On(op.ReferrerList).Do(Status(http.StatusNotFound).Body(textType, "404 page not found\n")),
				On(op.ManifestPut).Do(DropHeader(subjectHeader)),
				onManifest().Tag("sha256-*").Do(DigestTags()),
			),
		},
		{
			Name:      "subject-refused-404-hub",
			What:      "404 to every manifest that is pushed by digest, as Docker Hub had for those with a subject",
			Citations: []string{"docker/hub-feedback#2307", "regclient/regclient#357"},
			Clients:   []string{"regclient"},
			Correct:   "fails, and says that the registry does not take the artifact",
			Rules:     rules(On(op.ManifestPut).Tag("").Do(Status(http.StatusNotFound).Body(textType, "404 page not found\n"))),
		},
		{
			Name:      "subject-refused-405-ecr",
			What:      "405 to every manifest that is pushed by digest, as ECR had for those with a subject",
			Citations: []string{"aws/containers-roadmap#2783"},
			Clients:   []string{"oras"},
			Correct:   "fails, and says that the registry does not take the artifact",
			Rules:     rules(On(op.ManifestPut).Tag("").Do(Status(http.StatusMethodNotAllowed))),
		},
		{
			Name:      "referrers-without-type",
			What:      "the descriptor in every list of referrers has no artifactType, as with ACR; it leads to the subject itself",
			Citations: []string{"Azure/acr#784"},
			Clients:   []string{"oras"},
			Correct:   "reads the type in the manifest of the referrer",
			Recovers:  true,
			Rules: rules(On(op.ReferrerList).Do(Status(http.StatusOK).Body("application/vnd.oci.image.index.v1+json",
				`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":1}]}`))),
		},
		{
			Name:      "immutable-tag-400-ecr",
			What:      "400 TAG_INVALID to a push to a tag that there is, with the same digest too",
			Citations: []string{"moby/buildkit#3776", "docker/build-push-action#1042", "osscontainertools/kaniko#204", "triggerdotdev/trigger.dev#2473", "aws/containers-roadmap#2179"},
			Clients:   []string{"buildkit", "kaniko"},
			Correct:   "fails with the message of the registry; if the tag is on that digest, it may take it for done",
			Rules: rules(On(op.ManifestPut).Do(Immutable(Status(http.StatusBadRequest).
				Error("TAG_INVALID", "The image tag '{tag}' already exists in the '{repo}' repository and cannot be overwritten because the repository is immutable.")))),
		},
		{
			Name:      "immutable-tag-409-quay",
			What:      "409 TAG_IMMUTABLE to a push to a tag that there is",
			Citations: []string{"https://github.com/quay/quay/blob/master/endpoints/v2/errors.py", "https://github.com/quay/quay/blob/master/endpoints/v2/manifest.py"},
			Clients:   []string{"docker"},
			Correct:   "fails with the message of the registry",
			Rules: rules(On(op.ManifestPut).Do(Immutable(Status(http.StatusConflict).Error("TAG_IMMUTABLE", "tag is immutable and cannot be overwritten").
				Detail(map[string]any{"message": "tag '{tag}' is immutable"})))),
		},
		{
			Name:      "immutable-tag-412-harbor",
			What:      "412 PRECONDITION to a push to a tag that there is",
			Citations: []string{"https://github.com/goharbor/harbor/blob/main/src/server/middleware/immutable/pushmf.go", "https://github.com/goharbor/harbor/blob/main/src/server/middleware/immutable/error.go"},
			Clients:   []string{"docker"},
			Correct:   "fails with the message of the registry",
			Rules:     rules(On(op.ManifestPut).Do(Immutable(Status(http.StatusPreconditionFailed).Error("PRECONDITION", "Failed to process request due to '{repo}:{tag}' configured as immutable.")))),
		},
	}
}

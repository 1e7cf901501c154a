package faults

import (
	"net/http"

	"github.com/ocifake/ocifake/op"
)

const (
	jsonType = "application/json"
	textType = "text/plain; charset=utf-8"
	htmlType = "text/html; charset=utf-8"
)

// Statuses, and bodies that are not the specification's.
func knownStatus() []Preset {
	return []Preset{
		{
			Name:      "bad-gateway-html",
			What:      "502 with a proxy's HTML page, twice",
			Citations: []string{"docker-archive/docker-registry#320", "kubernetes/kubernetes#8525"},
			Clients:   []string{"docker"},
			Correct:   "goes by the status, whatever the body is, and tries again",
			Recovers:  true,
			Rules:     rules(onPull().Times(2).Do(Status(http.StatusBadGateway).HTML())),
		},
		{
			Name:      "service-unavailable-html",
			What:      "503 with a proxy's HTML page, once",
			Citations: []string{"docker/hub-feedback#842", "docker/cli#1143"},
			Clients:   []string{"docker"},
			Correct:   "goes by the status, whatever the body is, and tries again",
			Recovers:  true,
			Rules:     rules(onPull().Times(1).Do(Status(http.StatusServiceUnavailable).HTML())),
		},
		{
			Name:      "gateway-timeout-html",
			What:      "504 with a proxy's HTML page, once",
			Citations: []string{"docker-library/meta-scripts#104", "docker-library/official-images#1981"},
			Clients:   []string{"meta-scripts"},
			Correct:   "goes by the status, whatever the body is, and tries again",
			Recovers:  true,
			Rules:     rules(onPull().Times(1).Do(Status(http.StatusGatewayTimeout).HTML())),
		},
		{
			Name:      "not-found-html",
			What:      "404 with a web server's HTML page to every request for a manifest",
			Citations: []string{"go-gitea/gitea#32058", "moby/moby#30798"},
			Clients:   []string{"docker"},
			Correct:   "says that there is no such manifest, or that this is no registry, not that JSON is malformed",
			Rules:     rules(onManifest().Do(Status(http.StatusNotFound).HTML())),
		},
		{
			Name:      "push-refused-html",
			What:      "405 with a web server's HTML page to every POST that begins an upload",
			Citations: []string{"theforeman/puppet-pulp#406"},
			Clients:   []string{"docker"},
			Correct:   "fails with the status",
			Rules:     rules(On(op.UploadStart, op.BlobPost, op.BlobMount).Do(Status(http.StatusMethodNotAllowed).HTML())),
		},
		{
			Name:      "not-found-plain-text",
			What:      "404 and \"404 page not found\" in plain text for every manifest",
			Citations: []string{"docker/hub-feedback#2304", "docker/hub-feedback#1693", "docker/hub-feedback#1697"},
			Clients:   []string{"docker", "routeros"},
			Correct:   "says that there is no such manifest, not that JSON is malformed",
			Rules:     rules(onManifest().Do(Status(http.StatusNotFound).Body(textType, "404 page not found\n"))),
		},
		{
			Name:      "empty-error-body",
			What:      "404 with Content-Type application/json and no body to every request for a manifest",
			Citations: []string{"artipie/docker-adapter#260", "dotnet/sdk-container-builds#527"},
			Clients:   []string{"docker"},
			Correct:   "fails with the status",
			Rules:     rules(onManifest().Do(Status(http.StatusNotFound).Body(jsonType, ""))),
		},
		{
			Name:      "error-details-hub",
			What:      `400 with {"details": …} in place of a list of errors, as Docker Hub's token service has it`,
			Citations: []string{"google/go-containerregistry#1741", "https://github.com/containers/image/blob/main/docker/distribution_error.go"},
			Clients:   []string{"go-containerregistry"},
			Correct:   "fails with the status, and with the body as it is",
			Rules:     rules(onManifest().Do(Status(http.StatusBadRequest).Body(jsonType, `{"details":"invalid repository name"}`))),
		},
		{
			Name:      "error-code-number",
			What:      `404 with the code "404", as registry.redhat.io has it`,
			Citations: []string{"https://github.com/containers/image/blob/main/docker/errors_test.go"},
			Clients:   []string{"skopeo"},
			Correct:   "goes by the status: there is no such manifest",
			Rules:     rules(onManifest().Do(Status(http.StatusNotFound).Body(jsonType, `{"errors": [{"code": "404", "message": "Not Found"}]}`))),
		},
		{
			Name:      "error-code-harbor",
			What:      "404 with the code NOT_FOUND, which is not the specification's, as Harbor has it",
			Citations: []string{"https://github.com/containers/image/blob/main/docker/errors_test.go", "buildpacks/lifecycle#304", "goharbor/harbor#18461"},
			Clients:   []string{"skopeo", "lifecycle"},
			Correct:   "goes by the status: there is no such manifest",
			Rules:     rules(onManifest().Do(Status(http.StatusNotFound).Error("NOT_FOUND", "artifact {repo}:{tag} not found"))),
		},
		{
			Name:      "error-status-artifactory",
			What:      "404 with errors that have a number as status, and no code, as Artifactory has it",
			Citations: []string{"jfrog/charts#908", "jfrog/jfrog-cli#931"},
			Clients:   []string{"docker"},
			Correct:   "goes by the status: there is no such manifest",
			Rules:     rules(onManifest().Do(Status(http.StatusNotFound).Body(jsonType, `{"errors":[{"status":404,"message":"Not Found"}]}`))),
		},
		{
			Name:      "error-bare-object",
			What:      "401 with an error that is not in a list, as zot has it",
			Citations: []string{"https://github.com/project-zot/zot/blob/main/pkg/api/authn.go"},
			Clients:   []string{"docker"},
			Correct:   "fails with the status",
			Rules: rules(onManifest().Do(Status(http.StatusUnauthorized).Header(challengeHeader, `Basic realm="Authorization Required"`).
				Body(jsonType, `{"code":"UNAUTHORIZED","message":"authentication required","detail":{}}`))),
		},
		{
			Name:      "upload-500",
			What:      "500 to a PATCH or PUT of a blob, once, before its body is read",
			Citations: []string{"distribution/distribution#1645", "distribution/distribution#1603", "distribution/distribution#1116", "goharbor/harbor#2391", "docker/build-push-action#626", "moby/moby#19191"},
			Clients:   []string{"docker", "buildkit"},
			Correct:   "can send the body again: in the same session, or in a new one",
			Recovers:  true,
			Rules:     rules(onUpload().Times(1).Do(Status(http.StatusInternalServerError))),
		},
		{
			Name:      "blob-500",
			What:      "500 to a GET of a blob, once",
			Citations: []string{"docker/hub-feedback#2482", "docker/hub-feedback#2483"},
			Clients:   []string{"docker"},
			Correct:   "tries again",
			Recovers:  true,
			Rules:     rules(On(op.BlobGet).Times(1).Do(Status(http.StatusInternalServerError))),
		},
		{
			Name:      "manifest-put-504-every-other",
			What:      "504 to every other PUT of a manifest",
			Citations: []string{"moby/buildkit#2043"},
			Clients:   []string{"buildkit"},
			Correct:   "puts the manifest again",
			Recovers:  true,
			Rules:     rules(On(op.ManifestPut).Every(2).Do(Status(http.StatusGatewayTimeout).HTML())),
		},
		{
			Name:      "mirror-503",
			What:      "503 to every request that comes to a mirror: one with the ns parameter",
			Citations: []string{"containerd/containerd#4531", "cybozu-go/neco#1409", "containerd/containerd#3734", "opencontainers/distribution-spec#66"},
			Clients:   []string{"containerd"},
			Correct:   "falls back to the next host",
			Recovers:  true,
			Rules:     rules(onPull().Where(op.Namespace("*")).Do(Status(http.StatusServiceUnavailable))),
		},
		{
			Name:      "mirror-html-200",
			What:      "200 with an HTML page to every request for a manifest that comes to a mirror: one with the ns parameter",
			Citations: []string{"containerd/containerd#7400"},
			Clients:   []string{"containerd"},
			Correct:   "sees by media type and digest that this is no manifest, and falls back to the next host",
			Recovers:  true,
			Rules:     rules(onManifest().Where(op.Namespace("*")).Do(Status(http.StatusOK).Body(htmlType, "<html><body>Welcome</body></html>\n"))),
		},
		{
			Name:      "tags-html-200",
			What:      "200 with an HTML page to every list of tags, as Artifact Registry has it for a malformed name",
			Citations: []string{"gardener/cc-utils#1557"},
			Clients:   []string{"gardener"},
			Correct:   "fails: this is no list",
			Rules:     rules(On(op.TagList).Do(Status(http.StatusOK).Body(htmlType, "<!DOCTYPE html>\n<html><body>Artifact Registry</body></html>\n"))),
		},
	}
}

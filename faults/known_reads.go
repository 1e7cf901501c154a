package faults

import (
	"net/http"
	"time"

	"github.com/ocifake/ocifake/op"
)

// What is not there yet, or elsewhere.
func knownReads() []Preset {
	return []Preset{
		{
			Name:      "blob-unknown-after-push",
			What:      "blobs that were pushed are unknown when next asked for, by a manifest too, for 3 seconds at most",
			Citations: []string{"moby/moby#36823", "openshift/image-registry#220", "oras-project/rust-oci-client#35"},
			Clients:   []string{"docker", "openshift", "rust-oci-client"},
			Correct:   "puts the manifest again after a pause",
			Recovers:  true,
			Rules:     rules(On(op.UploadCommit, op.BlobPost).Do(Hide(1, 3*time.Second))),
		},
		{
			Name:      "blob-gone-after-push",
			What:      "a blob is gone as soon as it was pushed, so that the manifest is refused",
			Citations: []string{"quay/quay#6318", "cloudfoundry/korifi#2347"},
			Clients:   []string{"korifi"},
			Correct:   "pushes the blob that the error names again",
			Recovers:  true,
			Rules:     rules(On(op.UploadCommit, op.BlobPost).Times(1).Do(Vanish())),
		},
		{
			Name:      "manifest-unknown-after-push",
			What:      "a manifest that was pushed is unknown to the next two requests for it",
			Citations: []string{"int128/docker-manifest-create-action#857", "p2pool-starter-stack/pithead#429", "goharbor/harbor#4259"},
			Clients:   []string{"buildx", "harbor"},
			Correct:   "asks again after a pause for what it has just pushed",
			Recovers:  true,
			Rules:     rules(On(op.ManifestPut).Times(1).Do(Hide(2, 0))),
		},
		{
			Name:      "stale-tag",
			What:      "a tag that was pushed shows what it was on before, to the next two requests",
			Citations: []string{"catalyst-cooperative/pudl#3206", "Mellanox/network-operator#1868"},
			Clients:   []string{"pudl", "network-operator"},
			Correct:   "asks by digest for what it has just pushed",
			Recovers:  true,
			Rules:     rules(On(op.ManifestPut).Times(1).Do(StaleTag(2, 0))),
		},
		{
			Name:      "cdn-rejects-authorization",
			What:      "blobs are redirected to another host, which answers 400 and XML to a request with Authorization",
			Citations: []string{"spring-cloud/spring-cloud-dataflow#4065", "spring-cloud/spring-cloud-dataflow#4066"},
			Clients:   []string{"spring-cloud-dataflow"},
			Correct:   "does not show credentials to another host",
			Recovers:  true,
			Rules:     rules(On(op.BlobGet).Do(Redirect(http.StatusTemporaryRedirect, "{cdn}"))),
		},
		{
			Name:      "redirect-expired",
			What:      "a blob is redirected to a signed URL that has expired: 403 and XML, as R2 has it",
			Citations: []string{"cloudflare/cloudflare-docs#32436", "distribution/distribution#3526", "docker/hub-feedback#1636"},
			Clients:   []string{"docker"},
			Correct:   "asks the registry for a fresh URL",
			Recovers:  true,
			Rules:     rules(On(op.BlobGet).Times(1).Do(Redirect(http.StatusTemporaryRedirect, "{expired}"))),
		},
		{
			Name:      "redirect-dead-host",
			What:      "blobs are redirected to a host that cannot be reached; it refuses connections",
			Citations: []string{"containerd/containerd#11365", "openshift/image-registry#77"},
			Clients:   []string{"containerd", "openshift"},
			Correct:   "tries again a few times, then fails and names the host that it was sent to",
			Rules:     rules(On(op.BlobGet).Do(Redirect(http.StatusTemporaryRedirect, "http://{dead}/v2/{repo}/blobs/{digest}"))),
		},
		{
			Name:      "redirect-loop",
			What:      "blobs are redirected to themselves; docker.io had a redirect loop for clients that took it for the registry",
			Citations: []string{"moby/moby#9410"},
			Clients:   []string{"docker"},
			Correct:   "gives up after a few redirects",
			Rules:     rules(On(op.BlobGet).Do(Redirect(http.StatusTemporaryRedirect, "{target}"))),
		},
		{
			Name:      "redirect-to-website",
			What:      "manifests are redirected to a page that is not the registry's, which answers 404 and HTML",
			Citations: []string{"fluxcd/source-controller#2050"},
			Clients:   []string{"flux"},
			Correct:   "fails and names the URL that it was sent to",
			Rules: rules(
				On(op.ManifestGet, op.ManifestHead).Do(Redirect(http.StatusFound, "{origin}/-/packages/{repo}")),
				On(op.Unknown).Do(Status(http.StatusNotFound).HTML()),
			),
		},
		{
			Name:      "head-405",
			What:      "405 to HEAD of a manifest, where GET works",
			Citations: []string{"https://github.com/containerd/containerd/blob/main/core/remotes/docker/resolver.go", "oras-project/oras-go#882"},
			Clients:   []string{"containerd", "oras-go"},
			Correct:   "asks with GET",
			Recovers:  true,
			Rules:     rules(On(op.ManifestHead).Do(Status(http.StatusMethodNotAllowed))),
		},
		{
			Name:      "head-404",
			What:      "404 to HEAD of a manifest, where GET works",
			Citations: []string{"containerd/cri#787", "zalando-stups/pierone#160"},
			Clients:   []string{"containerd"},
			Correct:   "asks with GET before it says that there is none",
			Recovers:  true,
			Rules:     rules(On(op.ManifestHead).Do(Status(http.StatusNotFound))),
		},
		{
			Name:      "range-ignored",
			What:      "a blob is cut, and the request for its rest answered with the whole, 200",
			Citations: []string{"containerd/containerd#2364", "podman-container-tools/container-libs#1114", "https://github.com/containers/image/blob/main/docker/body_reader.go"},
			Clients:   []string{"containerd", "skopeo"},
			Correct:   "goes by the status, and leaves out what it has already",
			Recovers:  true,
			Rules: rules(
				On(op.BlobGet).Where(op.Not(op.Header("Range"))).Times(1).Do(Close(someBytes)),
				On(op.BlobGet).Where(op.Header("Range")).Do(IgnoreRange()),
			),
		},
		{
			Name:      "index-accept-404",
			What:      "404 to a request for a manifest that does not accept OCI indexes",
			Citations: []string{"GoogleContainerTools/jib#2749", "NotGlop/docker-drag#41"},
			Clients:   []string{"jib", "docker-drag"},
			Correct:   "accepts every media type that it can read",
			Rules: rules(onManifest().Where(op.Not(op.Header("Accept", "*application/vnd.oci.image.index.v1+json*"))).
				Do(Status(http.StatusNotFound).Error("MANIFEST_UNKNOWN", "OCI index found, but accept header does not support OCI indexes"))),
		},
	}
}

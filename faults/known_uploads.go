package faults

import (
	"net/http"

	"github.com/ocifake/ocifake/op"
)

// What goes wrong when blobs are pushed.
func knownUploads() []Preset {
	return []Preset{
		{
			Name:      "mount-denied-401",
			What:      "401 to a mount whose source the client may not read, as Docker Hub and Harbor have it",
			Citations: []string{"google/go-containerregistry#1404", "google/go-containerregistry#1609", "containerd/containerd#12163", "oras-project/oras#1924", "paketo-buildpacks/pipeline-builder#749"},
			Clients:   []string{"go-containerregistry", "containerd", "oras"},
			Correct:   "uploads the blob",
			Recovers:  true,
			Rules:     rules(On(op.BlobMount).Do(Status(http.StatusUnauthorized))),
		},
		{
			Name:      "mount-denied-403",
			What:      "403 to a mount whose source the client may not read",
			Citations: []string{"containerd/containerd#14086", "containerd/containerd#14118"},
			Clients:   []string{"containerd"},
			Correct:   "uploads the blob",
			Recovers:  true,
			Rules:     rules(On(op.BlobMount).Do(Status(http.StatusForbidden))),
		},
		{
			Name:      "mount-dropped",
			What:      "the connection is closed instead of an answer to a mount",
			Citations: []string{"google/go-containerregistry#689"},
			Clients:   []string{"go-containerregistry"},
			Correct:   "uploads the blob",
			Recovers:  true,
			Rules:     rules(On(op.BlobMount).Do(Close(0))),
		},
		{
			Name:      "mount-ignored",
			What:      "202 and an upload session in answer to a mount, as if the source were not there",
			Citations: []string{"aws/containers-roadmap#2860", "goharbor/harbor#17097"},
			Clients:   []string{"go-containerregistry"},
			Correct:   "uploads the blob into that session",
			Recovers:  true,
			Rules:     rules(On(op.BlobMount).Do(RefuseMount())),
		},
		{
			Name:      "upload-session-lost",
			What:      "404 BLOB_UPLOAD_UNKNOWN to a PATCH or PUT of a blob, as by a replica that does not know the session",
			Citations: []string{"deis/registry#84", "Azure/azure-sdk-for-net#42293", "distribution/distribution#1576", "distribution/distribution#1930", "regclient/regclient#323"},
			Clients:   []string{"docker", "azure-sdk", "regclient"},
			Correct:   "asks with HEAD whether the blob is there, else begins again with POST",
			Recovers:  true,
			Rules:     rules(onUpload().Times(1).Do(LoseUpload())),
		},
		{
			Name:      "commit-reply-lost",
			What:      "a blob is committed and the connection closed instead of an answer; the session is gone when the client tries again",
			Citations: []string{"GoogleContainerTools/jib#4301"},
			Clients:   []string{"jib"},
			Correct:   "asks with HEAD whether the blob is there before it fails",
			Recovers:  true,
			Rules:     rules(On(op.UploadCommit).Times(1).Do(LoseReply())),
		},
		{
			Name:      "commit-reply-and-blob-lost",
			What:      "the connection is closed instead of an answer to a commit, the session is gone, and so is the blob",
			Citations: []string{"GoogleContainerTools/jib#4301"},
			Clients:   []string{"jib"},
			Correct:   "asks with HEAD whether the blob is there, and begins again with POST",
			Recovers:  true,
			Rules:     rules(On(op.UploadCommit).Times(1).Do(LoseReply(), Vanish())),
		},
		{
			Name:      "upload-not-resumable",
			What:      "404 BLOB_UPLOAD_INVALID to a PATCH or PUT of a blob, as ACR has it when a chunk is sent again",
			Citations: []string{"Azure/azure-sdk-for-java#34276", "Azure/azure-sdk-for-python#29738"},
			Clients:   []string{"azure-sdk"},
			Correct:   "begins again with POST",
			Recovers:  true,
			Rules:     rules(onUpload().Times(1).Do(Status(http.StatusNotFound).Error("BLOB_UPLOAD_INVALID", "blob upload invalid"))),
		},
		{
			Name:      "chunk-416",
			What:      "416 to a PATCH, as if it were out of order, with the Range of what has arrived",
			Citations: []string{"crashappsec/chalk#682", "distribution/distribution#3227"},
			Clients:   []string{"chalk"},
			Correct:   "goes on from where the Range says, in this upload session or in a new one",
			Recovers:  true,
			Rules:     rules(On(op.UploadChunk).Times(1).Do(Status(http.StatusRequestedRangeNotSatisfiable))),
		},
		{
			Name:      "chunk-too-large-ghcr",
			What:      "416 to a PATCH with a Content-Range and more than 4 MiB, as GHCR has it; smaller ones pass",
			Citations: []string{"oras-project/rust-oci-client#35", "ocx-sh/ocx#237", "wasmCloud/wash#268"},
			Clients:   []string{"rust-oci-client", "ocx", "wash"},
			Correct:   "uploads in smaller chunks, in a single PUT, or in one PATCH without Content-Range",
			Recovers:  true,
			Rules: rules(On(op.UploadChunk).Where(op.Header("Content-Range"), op.LongerThan(4<<20)).Do(Status(http.StatusRequestedRangeNotSatisfiable).
				Error("REQUESTED_RANGE_NOT_SATISFIABLE", "the request body is too large and exceeds the maximum permissible limit of 4.00MiB"))),
		},
		{
			Name:      "chunk-201",
			What:      "201 in place of 202 to a PATCH, as ECR has it",
			Citations: []string{"openai/tart#273", "jdx/mise#11376", "regclient/regclient#82"},
			Clients:   []string{"tart", "mise", "regclient"},
			Correct:   "takes any 2xx for success, and looks at Range",
			Recovers:  true,
			Rules:     rules(On(op.UploadChunk).Do(SetStatus(http.StatusCreated))),
		},
		{
			Name:      "upload-range-quay",
			What:      "Range: bytes=0--1 in the answer to the POST that begins an upload, as Quay has it",
			Citations: []string{"https://github.com/quay/quay/blob/master/endpoints/v2/blob.py"},
			Clients:   []string{"regclient"},
			Correct:   "does not look at the Range of a session that it has sent nothing to",
			Recovers:  true,
			Rules:     rules(onStart().Do(SetHeader("Range", "bytes=0--1"))),
		},
		{
			Name:      "chunk-too-small-500",
			What:      "500 to a first chunk of less than 5 MiB, as storage has it for parts, and nothing announced",
			Citations: []string{"dotnet/sdk-container-builds#424", "opencontainers/distribution-spec#374"},
			Clients:   []string{"dotnet"},
			Correct:   "uploads in a single PUT, or in larger chunks",
			Recovers:  true,
			Rules:     rules(smallChunk().Do(Status(http.StatusInternalServerError))),
		},
		{
			Name:      "chunk-too-small-400",
			What:      "OCI-Chunk-Min-Length of 5 MiB, and 400 to a first chunk of less",
			Citations: []string{"opencontainers/distribution-spec#391", "dotnet/sdk-container-builds#424"},
			Clients:   []string{"dotnet"},
			Correct:   "uploads in a single PUT, or in chunks as large as announced",
			Recovers:  true,
			Rules: rules(
				onStart().Do(SetHeader("OCI-Chunk-Min-Length", "5242880")),
				smallChunk().Do(Status(http.StatusBadRequest).Error("SIZE_INVALID", "the chunk is too small")),
			),
		},
		{
			Name:      "chunks-unsupported",
			What:      "every PATCH is refused: only a single PUT uploads a blob, as with Artifact Registry",
			Citations: []string{"dotnet/sdk-container-builds#287"},
			Clients:   []string{"dotnet"},
			Correct:   "uploads in a single PUT",
			Recovers:  true,
			Rules:     rules(On(op.UploadChunk).Do(Status(http.StatusBadRequest).Error("UNSUPPORTED", "the operation is unsupported"))),
		},
		{
			Name:      "location-http",
			What:      "the Location of an upload is absolute and has http, whatever the client speaks, as behind a proxy that ends TLS",
			Citations: []string{"distribution/distribution#123", "distribution/distribution#479", "oras-project/oras-go#1152"},
			Clients:   []string{"docker", "oras-go"},
			Correct:   "refuses to go from https to http, at least with credentials",
			Rules:     rules(On(op.UploadStart, op.BlobMount, op.UploadChunk).Do(Location{Scheme: "http"})),
		},
		{
			Name:      "location-absolute",
			What:      "the Location of an upload is an absolute URL, as with Quay",
			Citations: []string{"https://github.com/quay/quay/blob/master/endpoints/v2/blob.py"},
			Clients:   []string{"docker"},
			Correct:   "uses it as it is",
			Recovers:  true,
			Rules:     rules(On(op.UploadStart, op.BlobMount, op.UploadChunk).Do(Location{Absolute: true})),
		},
	}
}

// smallChunk matches the first chunk of an upload if it has less than 5 MiB. Those after
// it may be the last, which may be small.
func smallChunk() Rule {
	return On(op.UploadChunk).Where(op.Header("Content-Range", "0-*"), op.Not(op.LongerThan(5<<20-1)))
}

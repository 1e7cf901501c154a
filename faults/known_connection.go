package faults

import (
	"time"

	"github.com/ocifake/ocifake/op"
)

// What goes wrong below HTTP, and in the course of time.
func knownConnection() []Preset {
	return []Preset{
		{
			Name:      "reset-mid-blob",
			What:      "the connection is reset (TCP RST) in the middle of a blob",
			Citations: []string{"containers/image#1145", "containerd/containerd#13915", "kubevirt/containerized-data-importer#2874", "podman-container-tools/buildah#4574"},
			Clients:   []string{"podman", "containerd", "kubevirt", "buildah"},
			Correct:   "resumes with Range from where it was, and verifies the digest of the whole",
			Recovers:  true,
			Rules:     rules(On(op.BlobGet).Times(1).Do(Reset(someBytes))),
		},
		{
			Name:      "short-body",
			What:      "the connection is closed in an orderly way before Content-Length is reached",
			Citations: []string{"containerd/containerd#3974", "podman-container-tools/buildah#4574", "moby/moby#35686", "google/go-containerregistry#1500"},
			Clients:   []string{"containerd", "buildah", "moby", "go-containerregistry"},
			Correct:   "never takes it for the whole, and resumes with Range",
			Recovers:  true,
			Rules:     rules(On(op.BlobGet).Times(1).Do(Close(someBytes))),
		},
		{
			Name:      "reset-mid-upload",
			What:      "the connection is reset while the client writes a blob",
			Citations: []string{"moby/buildkit#2713", "docker/build-push-action#498", "dotnet/sdk-container-builds#424"},
			Clients:   []string{"buildkit", "dotnet"},
			Correct:   "asks the upload session how far it got, or opens a new one, and sends the bytes again",
			Recovers:  true,
			Rules:     rules(onUpload().Times(1).Do(Reset(someBytes).OfRequest())),
		},
		{
			Name:      "close-without-response",
			What:      "the connection is closed instead of an answer to every POST that begins an upload",
			Citations: []string{"aws/containers-roadmap#1970", "docker/build-push-action#850", "CircleCI-Public/aws-ecr-orb#259"},
			Clients:   []string{"buildkit", "docker"},
			Correct:   "tries again a few times, then fails and names the URL",
			Rules:     rules(On(op.UploadStart, op.BlobPost, op.BlobMount).Do(Close(0))),
		},
		{
			Name:      "goaway-mid-upload",
			What:      "HTTP/2: GOAWAY (NO_ERROR) that gives up the stream while the client writes a blob; over HTTP/1.1 the connection is closed",
			Citations: []string{"GoogleContainerTools/kaniko#1754", "werf/werf#2684"},
			Clients:   []string{"kaniko", "werf"},
			Correct:   "sends the request again on a new connection, or opens a new upload session",
			Recovers:  true,
			Rules:     rules(onUpload().Times(1).Do(GoAway(someBytes).OfRequest())),
		},
		{
			Name:      "reset-stream-mid-blob",
			What:      "HTTP/2: RST_STREAM (INTERNAL_ERROR) in the middle of a blob; over HTTP/1.1 the connection is closed",
			Citations: []string{"concourse/registry-image-resource#401"},
			Clients:   []string{"concourse"},
			Correct:   "resumes with Range from where it was",
			Recovers:  true,
			Rules:     rules(On(op.BlobGet).Times(1).Do(ResetStream(someBytes).Code(2))),
		},
		{
			Name:      "slow-upload",
			What:      "blobs that are pushed are read at 10 KiB/s, as through the flow control of HTTP/2 with small windows",
			Citations: []string{"google/go-containerregistry#799", "GoogleContainerTools/kaniko#2751"},
			Clients:   []string{"go-containerregistry", "kaniko"},
			Correct:   "has no deadline for a whole upload as long as bytes move",
			Recovers:  true,
			Rules:     rules(onUpload().Do(Bandwidth(10 << 10).OfRequest())),
		},
		{
			Name:      "tls-handshake-timeout",
			What:      "a connection is accepted and its TLS hello never answered; nor is a request in the clear",
			Citations: []string{"docker/build-push-action#1065", "ocurrent/ocurrent-deployer#93", "openshift/image-registry#77"},
			Clients:   []string{"buildkit", "ocurrent", "openshift"},
			Correct:   "bounds the handshake in time, and tries again on a new connection",
			Recovers:  true,
			Rules:     rules(OnConnect().Times(1).Do(Silence())),
		},
		{
			Name:      "black-hole",
			What:      "every connection is accepted and nothing on it ever answered",
			Citations: []string{"distribution/distribution#2796", "buildpacks/lifecycle#122"},
			Clients:   []string{"docker", "lifecycle"},
			Correct:   "bounds every phase in time, tries again a few times, then fails and names the host",
			Rules:     rules(OnConnect().Do(Silence())),
		},
		{
			Name:      "stalled-body",
			What:      "the header and the first bytes of a blob, then silence on an open connection",
			Citations: []string{"podman-container-tools/container-libs#777", "podman-container-tools/skopeo#2878", "bottlerocket-os/bottlerocket#4677", "moby/moby#22598"},
			Clients:   []string{"podman", "skopeo", "bottlerocket", "docker"},
			Correct:   "has a deadline for each read, and resumes with Range after it",
			Recovers:  true,
			Rules:     rules(On(op.BlobGet).Times(1).Do(Stall(someBytes, 0))),
		},
		{
			Name:      "trickling-body",
			What:      "a few bytes of a blob at a time, so often that no idle timeout fires",
			Citations: []string{"containerd/containerd#11650"},
			Clients:   []string{"containerd"},
			Correct:   "asks for a minimal throughput, and resumes with Range elsewhere; waiting it out is right, too",
			Recovers:  true,
			Rules:     rules(On(op.BlobGet).Times(1).Do(Trickle(16, 5*time.Second))),
		},
		{
			Name:      "stalled-upload-reply",
			What:      "a blob is committed, but the answer comes ten minutes later",
			Citations: []string{"GoogleContainerTools/jib#4301", "moby/moby#53700"},
			Clients:   []string{"jib", "docker"},
			Correct:   "waits; after a timeout, asks with HEAD whether the blob is there before it uploads again",
			Recovers:  true,
			Rules:     rules(On(op.UploadCommit).Times(1).Do(DelayReply(10 * time.Minute))),
		},
		{
			Name:      "bare-lf-429-hub",
			What:      "Docker Hub's limit on abuse as it was in 2020: 429 whose header lines end in LF without CR",
			Citations: []string{"docker/hub-feedback#1907"},
			Clients:   []string{"docker"},
			Correct:   "takes LF for the end of a line (RFC 9112, 2.2), waits as Retry-After says, and tries again",
			Recovers:  true,
			Rules: rules(onPull().Times(1).Do(Raw("HTTP/1.1 429 Too Many Requests\nContent-Type: text/plain\nRetry-After: 60\n" +
				"Content-Length: 28\nConnection: close\n\nToo Many Requests (HAP429).\n"))),
		},
	}
}

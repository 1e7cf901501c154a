package faults

import (
	"net/http"
	"time"

	"github.com/ocifake/ocifake/op"
)

const tooMany = http.StatusTooManyRequests

// Too many requests, in the words of many.
func knownThrottling() []Preset {
	return []Preset{
		{
			Name:      "retry-after-seconds",
			What:      "429 with Retry-After: 5",
			Citations: []string{"containerd/containerd#14066", "docker/hub-feedback#1907", "werf/werf#3662", "CodesWhat/drydock#343"},
			Clients:   []string{"containerd", "docker", "werf", "drydock"},
			Correct:   "waits as long as it is told, with some jitter, and tries again",
			Recovers:  true,
			Rules:     rules(onPull().Times(1).Do(Status(tooMany).RetryAfter(5 * time.Second))),
		},
		{
			Name:      "retry-after-date",
			What:      "429 with Retry-After as an HTTP date, 5 seconds from now",
			Citations: []string{"containerd/containerd#14066", "https://github.com/containers/image/blob/main/docker/docker_client.go", "https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3"},
			Clients:   []string{"containerd", "skopeo"},
			Correct:   "reads both forms of Retry-After (RFC 9110, 10.2.3)",
			Recovers:  true,
			Rules:     rules(onPull().Times(1).Do(Status(tooMany).RetryAt(5 * time.Second))),
		},
		{
			Name:      "retry-after-huge",
			What:      "429 with a Unix time as Retry-After, as Docker Hub's API had it: 55 years",
			Citations: []string{"docker/hub-feedback#2459", "rancher/charts-build-scripts#230"},
			Clients:   []string{"charts-build-scripts"},
			Correct:   "waits no longer than it wants to, and tries again or fails with the time that it was told",
			Recovers:  true,
			Rules:     rules(onPull().Times(1).Do(Status(tooMany).Header("Retry-After", "1746136938"))),
		},
		{
			Name:      "pull-limit-429-hub",
			What:      "Docker Hub's pull limit: 429 to every GET of a manifest, none to HEAD, with ratelimit headers and without Retry-After",
			Citations: []string{"ScribeMD/docker-cache#829", "apptension/saas-boilerplate#204", "docker/hub-feedback#2464"},
			Clients:   []string{"buildkit", "docker"},
			Correct:   "tries again a few times, then fails with the message of the registry",
			Rules: rules(On(op.ManifestGet).Do(Status(tooMany).
				Error("TOOMANYREQUESTS", "You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit").
				Header("Ratelimit-Limit", "100;w=21600").Header("Ratelimit-Remaining", "0;w=21600").Header("Docker-Ratelimit-Source", "192.0.2.1"))),
		},
		{
			Name:      "rate-exceeded-429-ecr",
			What:      "ECR's limit on requests: 429 without Retry-After, twice",
			Citations: []string{"aws/aws-lambda-web-adapter#429", "aws/aws-cdk#16927", "DataDog/datadog-lambda-extension#123", "google/go-containerregistry#750"},
			Clients:   []string{"docker", "aws-cdk", "go-containerregistry"},
			Correct:   "backs off with growing pauses, and tries again",
			Recovers:  true,
			Rules:     rules(onPull().Times(2).Do(Status(tooMany).Error("TOOMANYREQUESTS", "Rate exceeded"))),
		},
		{
			Name:      "data-limit-429-ecr-public",
			What:      "ECR Public's limit on data: 429 to every GET of a manifest, without Retry-After",
			Citations: []string{"aws/aws-lambda-web-adapter#595"},
			Clients:   []string{"buildkit"},
			Correct:   "tries again a few times, then fails with the message of the registry",
			Rules:     rules(On(op.ManifestGet).Do(Status(tooMany).Error("TOOMANYREQUESTS", "Data limit exceeded"))),
		},
		{
			Name:      "rate-limit-429-ghcr",
			What:      "GHCR's limit on requests: 429 with a duration in the message, and without Retry-After",
			Citations: []string{"dependabot/cli#380"},
			Clients:   []string{"dependabot"},
			Correct:   "backs off by itself, and tries again",
			Recovers:  true,
			Rules:     rules(onPull().Times(1).Do(Status(tooMany).Error("TOOMANYREQUESTS", "retry-after: 880.092µs, allowed: 44000/minute"))),
		},
		{
			Name:      "abuse-limit-429-hub",
			What:      "Docker Hub's limit on abuse: 429 in plain text with Retry-After: 60, and the connection is closed",
			Citations: []string{"docker/hub-feedback#1907"},
			Clients:   []string{"docker"},
			Correct:   "goes by the status, whatever the body is, waits and tries again",
			Recovers:  true,
			Rules: rules(onPull().Times(1).Do(Status(tooMany).Body("text/plain", "Too Many Requests (HAP429).\n").
				RetryAfter(time.Minute).Header("Connection", "close"))),
		},
		{
			Name:      "manifest-put-429",
			What:      "429 to the manifest, after all blobs were pushed",
			Citations: []string{"containerd/containerd#10447", "docker/build-push-action#1194"},
			Clients:   []string{"containerd", "buildkit"},
			Correct:   "waits and puts the manifest again; blobs are not uploaded twice",
			Recovers:  true,
			Rules:     rules(On(op.ManifestPut).Times(1).Do(Status(tooMany).RetryAfter(time.Second).Error("TOOMANYREQUESTS", "Rate exceeded"))),
		},
	}
}

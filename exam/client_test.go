package exam_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/registrytest"
)

// puller is a small client that pulls app:v1. The zero value is correct and does not
// retry.
type puller struct {
	retries    int
	credulous  bool                                                        // does not verify digests
	credential string                                                      // sent with every request, also a redirected one
	failed     func(ctx context.Context, reg *exam.Trial, err error) error // handles an error
	detached   bool                                                        // ignores the context
}

// setUpApp puts an image of two small layers into a registry.
func setUpApp(t testing.TB, reg *registrytest.Registry) {
	reg.Push(t, "app:v1", images.Random(images.Layers(2), images.LayerSize(2000)))
}

func (p puller) scenario() exam.Scenario {
	return exam.Scenario{Setup: setUpApp, Run: p.run, Check: checkPulled}
}

// run pulls all blobs into Got.
func (p puller) run(ctx context.Context, reg *exam.Trial) error {
	pulled := map[digest.Digest][]byte{}
	reg.Got = pulled
	err := p.pull(ctx, reg, pulled)
	if err != nil && p.failed != nil {
		return p.failed(ctx, reg, err)
	}
	return err
}

func (p puller) pull(ctx context.Context, reg *exam.Trial, pulled map[digest.Digest][]byte) error {
	manifest, err := p.get(ctx, reg, "manifests/v1", "")
	if err != nil {
		return err
	}
	var document ocispec.Manifest
	if err := json.Unmarshal(manifest, &document); err != nil {
		return err
	}
	pulled[digest.FromBytes(manifest)] = manifest
	for _, d := range append(document.Layers, document.Config) {
		if pulled[d.Digest], err = p.get(ctx, reg, "blobs/"+d.Digest.String(), d.Digest); err != nil {
			return err
		}
	}
	return nil
}

// get fetches content, and retries if that may help.
func (p puller) get(ctx context.Context, reg *exam.Trial, path string, want digest.Digest) ([]byte, error) {
	for tries := 0; ; tries++ {
		body, after, err := p.try(ctx, reg, path, want)
		if err == nil || after < 0 || tries == p.retries {
			return body, err
		}
		select {
		case <-time.After(after):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// try fetches content once. A negative after means that retrying does not help.
func (p puller) try(ctx context.Context, reg *exam.Trial, path string, want digest.Digest) (body []byte, after time.Duration, err error) {
	if p.detached {
		ctx = context.Background()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, reg.URL()+"/v2/app/"+path, nil)
	if err != nil {
		return nil, -1, err
	}
	client := reg.Client()
	if p.credential != "" {
		request.Header.Set("Authorization", p.credential)
		client.CheckRedirect = func(next *http.Request, _ []*http.Request) error {
			next.Header.Set("Authorization", p.credential)
			return nil
		}
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, time.Second, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	switch {
	case err != nil:
		return nil, time.Second, err
	case response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests:
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return nil, time.Duration(max(seconds, 1)) * time.Second, errors.New(response.Status)
	case response.StatusCode != http.StatusOK:
		return nil, -1, errors.New(response.Status)
	}
	return body, -1, p.verify(body, want, response.Header)
}

func (p puller) verify(body []byte, want digest.Digest, header http.Header) error {
	if want == "" {
		want = digest.Digest(header.Get("Docker-Content-Digest"))
	}
	if got := digest.FromBytes(body); got != want && !p.credulous {
		return fmt.Errorf("got %s, want %s", got, want)
	}
	return nil
}

// checkPulled compares the pulled content with that of the registry.
func checkPulled(ctx context.Context, reg *exam.Trial) error {
	pulled := reg.Got.(map[digest.Digest][]byte)
	m, err := reg.Store().Manifest(ctx, "app", "v1")
	if err != nil {
		return err
	}
	want := map[digest.Digest][]byte{m.Descriptor.Digest: m.Content}
	for d, err := range reg.Store().Blobs(ctx, "app", "") {
		if err != nil {
			return err
		}
		blob, err := reg.Store().OpenBlob(ctx, "app", d.Digest)
		if err != nil {
			return err
		}
		defer blob.Close()
		var content bytes.Buffer
		if _, err := blob.WriteRange(&content, 0, blob.Size()); err != nil {
			return err
		}
		want[d.Digest] = content.Bytes()
	}
	for _, d := range slices.Sorted(maps.Keys(want)) {
		if !bytes.Equal(pulled[d], want[d]) {
			return fmt.Errorf("%.19s was not pulled as it is", d)
		}
	}
	return nil
}

package exam_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/registrytest"
)

// client is a small client. With the zero value as its bug it is correct.
type client struct {
	bug   string
	tries int    // of each request; by default one
	auth  string // Authorization

	parallel bool     // transfers all blobs at the same time
	resolves bool     // asks for the digest of a tag first
	sessions []string // Locations received for the current blob
}

func (c *client) has(bug string) bool { return c.bug == bug }

// answer is an answer whose body was read.
type answer struct {
	*http.Response
	body []byte
	cut  error // why the body is not whole
}

func (a *answer) is(statuses ...int) error {
	for _, status := range statuses {
		if a.StatusCode == status {
			return a.cut
		}
	}
	return fmt.Errorf("%s %s: %s", a.Request.Method, a.Request.URL.Path, a.Status)
}

// send sends a request, and again if that may help.
func (c *client) send(ctx context.Context, reg *exam.Trial, method, target string, body []byte, header ...string) (*answer, error) {
	pause := time.Second
	for try := 1; ; try++ {
		sent := body
		if try > 1 && c.has("sends an empty body again") {
			sent = nil
		}
		a, err := c.once(ctx, reg, method, target, sent, header...)
		again := err != nil || a.cut != nil || a.StatusCode == http.StatusTooManyRequests || a.StatusCode >= 500
		last := try >= max(c.tries, 1)
		switch {
		case c.has("tries for ever"), c.has("floods"):
			last = false
		case c.has("does not send a body again"):
			last = last || body != nil
		case c.has("does not send GET again"):
			last = last || method == http.MethodGet
		}
		if !again || last {
			return a, err
		}
		wait := pause
		if err == nil {
			if seconds, err := strconv.Atoi(a.Header.Get("Retry-After")); err == nil {
				wait = max(wait, time.Duration(seconds)*time.Second)
			}
		}
		switch c.bug {
		case "hurries", "floods":
			wait = 0
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		pause = min(pause*2, time.Minute)
		if c.has("tries for ever") {
			pause = time.Second
		}
	}
}

func (c *client) once(ctx context.Context, reg *exam.Trial, method, target string, body []byte, header ...string) (*answer, error) {
	base, err := url.Parse(reg.URL())
	if err != nil {
		return nil, err
	}
	u, err := base.Parse(target)
	if err != nil {
		return nil, err
	}
	if c.has("ignores its context") {
		ctx = context.Background()
	}
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if c.auth != "" {
		r.Header.Set("Authorization", c.auth)
	}
	hc := reg.Client()
	switch c.bug {
	case "sends credentials to others":
		hc.CheckRedirect = func(next *http.Request, via []*http.Request) error {
			if len(via) > 9 {
				return errors.New("too many redirects")
			}
			next.Header.Set("Authorization", c.auth)
			return nil
		}
	case "follows redirects for ever":
		hc.CheckRedirect = func(*http.Request, []*http.Request) error { return nil }
	}
	response, err := hc.Do(r)
	if err != nil {
		if c.has("falls back to HTTP") && u.Scheme == "https" {
			u.Scheme = "http"
			return c.once(ctx, reg, method, u.String(), body, header...)
		}
		if c.has("leaks goroutines") {
			go forgotten(make(chan int))
		}
		return nil, err
	}
	a := &answer{Response: response}
	if response.StatusCode >= 400 && c.has("does not close bodies of errors") {
		return a, nil
	}
	a.body, a.cut = io.ReadAll(response.Body)
	response.Body.Close()
	if c.has("accepts short bodies") {
		a.cut = nil
	}
	return a, nil
}

// --- pull ---

// pull pulls app:v1 into a directory: manifest.json, and blobs by name.
func (c *client) pull(ctx context.Context, reg *exam.Trial) error {
	dir := reg.Dir()
	reg.Got = dir
	if err := os.Mkdir(filepath.Join(dir, "sha256"), 0o700); err != nil {
		return err
	}
	ref, want := "v1", ""
	if c.resolves {
		a, err := c.send(ctx, reg, http.MethodHead, "/v2/app/manifests/v1", nil)
		if err != nil {
			return err
		}
		if err := a.is(http.StatusOK); err != nil {
			return err
		}
		ref = a.Header.Get("Docker-Content-Digest")
		want = ref
	}
	a, err := c.send(ctx, reg, http.MethodGet, "/v2/app/manifests/"+ref, nil)
	if err != nil {
		return err
	}
	if want == "" {
		want = a.Header.Get("Docker-Content-Digest")
	}
	if err := a.is(http.StatusOK); err != nil && c.has("writes the body of an error") {
		return errors.Join(err, os.WriteFile(filepath.Join(dir, "manifest.json"), a.body, 0o600))
	}
	if c.has("leaves half a manifest") {
		if err := os.WriteFile(filepath.Join(dir, "manifest.json"), a.body, 0o600); err != nil {
			return err
		}
	}
	if err := a.is(http.StatusOK); err != nil {
		return err
	}
	if want != "" && string(digest.FromBytes(a.body)) != want && !c.has("does not verify manifests") {
		return errors.New("another manifest")
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(a.body, &manifest); err != nil {
		return err
	}
	errs := make([]error, 0, 4)
	for i, d := range append(manifest.Layers, manifest.Config) {
		err := c.download(ctx, reg, d, filepath.Join(dir, "sha256", d.Digest.Encoded()), i == len(manifest.Layers))
		switch {
		case i == 1 && c.has("swallows the error of the second"):
			err = nil
		case i == 0 && c.has("drops the first error"):
			continue
		}
		if errs = append(errs, err); err != nil {
			return err
		}
	}
	return errors.Join(append(errs, os.WriteFile(filepath.Join(dir, "manifest.json"), a.body, 0o600))...)
}

// download fetches a blob, and resumes after a cut.
func (c *client) download(ctx context.Context, reg *exam.Trial, d ocispec.Descriptor, file string, config bool) error {
	var got []byte
	for try := 1; ; try++ {
		whole, err := c.resume(ctx, reg, d, &got)
		if c.has("leaves half a file") {
			if err := os.WriteFile(file, got, 0o600); err != nil {
				return err
			}
		}
		if whole {
			break
		}
		if try >= max(c.tries, 1) {
			return errors.Join(errors.New("not the whole blob"), err)
		}
		select {
		case <-time.After(time.Duration(try) * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	verify := int64(len(got)) == d.Size && digest.FromBytes(got) == d.Digest
	switch c.bug {
	case "does not verify blobs", "appends a whole body to a part", "resumes at the wrong offset", "takes a part for the whole", "takes 416 for the end",
		"accepts short bodies", "ignores statuses", "takes the digest of the header":
		verify = true
	case "verifies only the size":
		verify = int64(len(got)) == d.Size
	case "does not verify the config":
		verify = verify || config
	}
	if !verify {
		return errors.New("another blob")
	}
	if err := os.WriteFile(file+".part", got, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".part", file)
}

// resume sends one request for what is missing.
func (c *client) resume(ctx context.Context, reg *exam.Trial, d ocispec.Descriptor, got *[]byte) (whole bool, err error) {
	begin := len(*got)
	if c.has("resumes at the wrong offset") && begin > 0 {
		begin++
	}
	header := []string{}
	if begin > 0 && !c.has("restarts") {
		header = []string{"Range", fmt.Sprintf("bytes=%d-", begin)}
	}
	a, err := c.once(ctx, reg, http.MethodGet, "/v2/app/blobs/"+string(d.Digest), nil, header...)
	if err != nil {
		return false, err
	}
	switch {
	case c.has("ignores statuses"):
		*got = a.body
		return true, nil
	case a.StatusCode == http.StatusPartialContent && c.has("takes a part for the whole"):
		*got = a.body
	case a.StatusCode == http.StatusPartialContent:
		var first int
		if _, err := fmt.Sscanf(a.Header.Get("Content-Range"), "bytes %d-", &first); err != nil || first != begin {
			return false, errors.New("another range")
		}
		*got = append(*got, a.body...)
	case a.StatusCode == http.StatusOK && c.has("appends a whole body to a part"):
		*got = append(*got, a.body...)
	case a.StatusCode == http.StatusOK:
		*got = a.body
	case a.StatusCode == http.StatusRequestedRangeNotSatisfiable && c.has("takes 416 for the end"):
		return true, nil
	default:
		return false, a.is(http.StatusOK)
	}
	if c.has("takes the digest of the header") && a.StatusCode == http.StatusOK {
		return a.Header.Get("Docker-Content-Digest") == string(d.Digest), a.cut
	}
	return a.cut == nil && (int64(len(*got)) >= d.Size || c.bug != ""), a.cut
}

// pulled compares the files of a pull with the registry.
func pulled(ctx context.Context, reg *exam.Trial) error {
	m, err := reg.Store().Manifest(ctx, "app", "v1")
	if err != nil {
		return err
	}
	dir := reg.Got.(string)
	if got, err := os.ReadFile(filepath.Join(dir, "manifest.json")); err != nil || !bytes.Equal(got, m.Content) {
		return errors.New("the manifest differs")
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(m.Content, &manifest); err != nil {
		return err
	}
	for _, d := range append(manifest.Layers, manifest.Config) {
		if got, err := os.ReadFile(filepath.Join(dir, "sha256", d.Digest.Encoded())); err != nil || digest.FromBytes(got) != d.Digest {
			return errors.New("a blob differs")
		}
	}
	return nil
}

// --- push ---

var pushedBlobs = [][]byte{[]byte(`{"architecture":"amd64","os":"linux"}`), bytes.Repeat([]byte("layer "), 200)}

func pushedManifest() []byte {
	m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest}
	m.SchemaVersion = 2
	for i, blob := range pushedBlobs {
		d := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.FromBytes(blob), Size: int64(len(blob))}
		if i == 0 {
			d.MediaType = ocispec.MediaTypeImageConfig
			m.Config = d
			continue
		}
		m.Layers = append(m.Layers, d)
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return text
}

// push pushes an image to target:v1. It was there before, with other content.
func (c *client) push(ctx context.Context, reg *exam.Trial) error {
	if c.has("pushes the manifest first") {
		if err := c.putManifest(ctx, reg); err != nil {
			return err
		}
	}
	errs := make([]error, len(pushedBlobs))
	c.each(len(pushedBlobs), func(i int) { errs[i] = c.upload(ctx, reg, pushedBlobs[i], "") })
	if err := errors.Join(errs...); err != nil && !c.has("pushes what it has") {
		switch c.bug {
		case "cleans up the tag":
			_, _ = c.send(ctx, reg, http.MethodDelete, "/v2/target/manifests/v1", nil)
		case "tags something else":
			other := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
			other.SchemaVersion = 2
			if text, err := json.Marshal(other); err == nil {
				_, _ = c.send(ctx, reg, http.MethodPut, "/v2/target/manifests/v1", text, "Content-Type", ocispec.MediaTypeImageIndex)
			}
		case "goes on in the background":
			go func() {
				time.Sleep(time.Second)
				_, _ = c.once(ctx, reg, http.MethodHead, "/v2/target/manifests/v1", nil)
			}()
		}
		return err
	}
	return c.putManifest(ctx, reg)
}

// each calls a function for each number below n.
func (c *client) each(n int, do func(int)) {
	if !c.parallel {
		for i := range n {
			do(i)
		}
		return
	}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

// hopeful pushes the manifest, and the blobs only if the registry misses them.
func (c *client) hopeful(ctx context.Context, reg *exam.Trial) error {
	if c.putManifest(ctx, reg) == nil {
		return nil
	}
	return c.push(ctx, reg)
}

func (c *client) putManifest(ctx context.Context, reg *exam.Trial) error {
	a, err := c.send(ctx, reg, http.MethodPut, "/v2/target/manifests/v1", pushedManifest(), "Content-Type", ocispec.MediaTypeImageManifest)
	if err != nil {
		return err
	}
	if c.has("ignores the status of the manifest") {
		return nil
	}
	return a.is(http.StatusCreated, http.StatusAccepted)
}

// upload pushes a blob in two chunks, or mounts it.
func (c *client) upload(ctx context.Context, reg *exam.Trial, blob []byte, from string) error {
	d := digest.FromBytes(blob)
	a, err := c.send(ctx, reg, http.MethodHead, "/v2/target/blobs/"+string(d), nil)
	if err != nil {
		return err
	}
	switch {
	case a.StatusCode == http.StatusOK:
		return nil
	case a.StatusCode == http.StatusNotFound:
	default:
		return a.is(http.StatusOK)
	}
	if c.has("keeps the Location of an old session") {
		c.sessions = nil
	}
	for try := 1; ; try++ {
		err := c.session(ctx, reg, blob, from)
		if err == nil || try >= max(c.tries, 1) || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(time.Duration(try) * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *client) session(ctx context.Context, reg *exam.Trial, blob []byte, from string) error {
	d := digest.FromBytes(blob)
	start := "/v2/target/blobs/uploads/"
	if from != "" {
		start += "?mount=" + string(d) + "&from=" + from
	}
	a, err := c.send(ctx, reg, http.MethodPost, start, nil)
	if err != nil {
		return err
	}
	if from != "" && a.StatusCode == http.StatusCreated {
		if c.has("believes 201 to a mount") {
			return nil
		}
		if a, err := c.send(ctx, reg, http.MethodHead, "/v2/target/blobs/"+string(d), nil); err == nil && a.StatusCode == http.StatusOK {
			return nil
		}
		return c.session(ctx, reg, blob, "")
	}
	if err := a.is(http.StatusAccepted); err != nil {
		return err
	}
	if from != "" && c.has("takes 202 to a mount for success") {
		return nil
	}
	location := c.location(a)
	half := len(blob) / 2
	for _, chunk := range [][]byte{blob[:half], blob[half:]} {
		a, err := c.once(ctx, reg, http.MethodPatch, location, chunk, "Content-Type", "application/octet-stream")
		if err != nil {
			return err
		}
		if err := a.is(http.StatusAccepted); err != nil {
			return err
		}
		if !c.has("uses the first Location for all") {
			location = c.location(a)
		}
	}
	separator := "?"
	if strings.Contains(location, "?") {
		separator = "&"
	}
	a, err = c.send(ctx, reg, http.MethodPut, location+separator+"digest="+url.QueryEscape(string(d)), nil)
	if err != nil {
		return err
	}
	if c.has("takes 202 to the closing PUT for success") && a.StatusCode/100 == 2 {
		return nil
	}
	return a.is(http.StatusCreated)
}

func (c *client) location(a *answer) string {
	u, err := a.Location()
	if err != nil {
		return ""
	}
	switch c.bug {
	case "builds the Location itself":
		return u.Path
	case "keeps the Location of an old session":
		if len(c.sessions) > 0 && a.Request.Method == http.MethodPost {
			return c.sessions[0]
		}
		c.sessions = append(c.sessions, u.String())
	}
	return u.String()
}

// copyImage copies app:v1 to target:v1 with mounts.
func (c *client) copyImage(ctx context.Context, reg *exam.Trial) error {
	a, err := c.send(ctx, reg, http.MethodGet, "/v2/app/manifests/v1", nil)
	if err != nil {
		return err
	}
	if err := a.is(http.StatusOK); err != nil {
		return err
	}
	if string(digest.FromBytes(a.body)) != a.Header.Get("Docker-Content-Digest") {
		return errors.New("another manifest")
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(a.body, &manifest); err != nil {
		return err
	}
	for _, d := range append(manifest.Layers, manifest.Config) {
		b, err := c.send(ctx, reg, http.MethodGet, "/v2/app/blobs/"+string(d.Digest), nil)
		if err != nil {
			return err
		}
		if err := b.is(http.StatusOK); err != nil {
			return err
		}
		if digest.FromBytes(b.body) != d.Digest {
			return errors.New("another blob")
		}
		if err := c.upload(ctx, reg, b.body, "app"); err != nil {
			return err
		}
	}
	put, err := c.send(ctx, reg, http.MethodPut, "/v2/target/manifests/v1", a.body, "Content-Type", ocispec.MediaTypeImageManifest)
	if err != nil {
		return err
	}
	return put.is(http.StatusCreated, http.StatusAccepted)
}

// hasTag checks that target:v1 has a manifest.
func hasTag(content func(ctx context.Context, reg *exam.Trial) []byte) func(ctx context.Context, reg *exam.Trial) error {
	return func(ctx context.Context, reg *exam.Trial) error {
		m, err := reg.Store().Manifest(ctx, "target", "v1")
		if err != nil {
			return err
		}
		if !bytes.Equal(m.Content, content(ctx, reg)) {
			return errors.New("the tag has another manifest")
		}
		return nil
	}
}

// --- lists ---

// list lists the tags of app.
func (c *client) list(ctx context.Context, reg *exam.Trial) error {
	var tags []string
	for next := "/v2/app/tags/list"; next != ""; {
		a, err := c.send(ctx, reg, http.MethodGet, next, nil)
		if err != nil {
			return err
		}
		if a.StatusCode == http.StatusNotFound && c.has("takes 404 for an empty list") {
			break
		}
		if err := a.is(http.StatusOK); err != nil {
			if c.has("ends the list at an error") {
				break
			}
			return err
		}
		var page struct{ Tags []string }
		if err := json.Unmarshal(a.body, &page); err != nil && !c.has("ignores JSON that is wrong") {
			return err
		}
		tags, next = append(tags, page.Tags...), ""
		if link := a.Header.Get("Link"); link != "" && !c.has("reads one page only") {
			target, _, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
			u, err := a.Request.URL.Parse(target)
			if err != nil {
				return err
			}
			next = u.String()
		}
	}
	reg.Got = tags
	return nil
}

func listed(_ context.Context, reg *exam.Trial) error {
	if got := reg.Got.([]string); len(got) != 3 {
		return errors.New("not all tags were listed")
	}
	return nil
}

// --- scenarios ---

func (c *client) scenario(kind string) exam.Scenario {
	switch kind {
	case "push":
		return exam.Scenario{Setup: setUpTarget, Run: c.fresh((*client).push), Check: hasTag(func(context.Context, *exam.Trial) []byte { return pushedManifest() })}
	case "hopeful push":
		scenario := c.scenario("push")
		scenario.Run = c.fresh((*client).hopeful)
		return scenario
	case "copy":
		return exam.Scenario{Setup: setUpSmall, Run: c.fresh((*client).copyImage), Check: hasTag(func(ctx context.Context, reg *exam.Trial) []byte {
			m, err := reg.Store().Manifest(ctx, "app", "v1")
			if err != nil {
				return nil
			}
			return m.Content
		})}
	case "list":
		return exam.Scenario{Setup: func(t testing.TB, reg *registrytest.Registry) {
			for _, tag := range []string{"a", "b", "c"} {
				reg.Push(t, "app:"+tag, images.Random(images.Layers(1), images.LayerSize(10)))
			}
		}, Run: c.list, Check: listed}
	}
	return exam.Scenario{Setup: setUpSmall, Run: c.pull, Check: pulled}
}

// fresh forgets sessions: each run is a client of its own.
func (c *client) fresh(run func(*client, context.Context, *exam.Trial) error) func(context.Context, *exam.Trial) error {
	return func(ctx context.Context, reg *exam.Trial) error {
		return run(&client{bug: c.bug, tries: c.tries, auth: c.auth, parallel: c.parallel}, ctx, reg)
	}
}

// setUpSmall puts an image of one layer into a registry.
func setUpSmall(t testing.TB, reg *registrytest.Registry) {
	reg.Push(t, "app:v1", images.Random(images.Layers(1), images.LayerSize(1000)))
}

// setUpTarget puts an older image under the tag that is pushed.
func setUpTarget(t testing.TB, reg *registrytest.Registry) {
	reg.Push(t, "target:v1", images.Random(images.Layers(1), images.LayerSize(100), images.Seed(7)))
}

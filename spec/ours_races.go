package spec

import (
	"net/http"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Requests at the same time: always a state that some order of them explains.

// racers is how many clients do the same at once.
const racers = 8

var raceStatements = []Statement{
	{
		ID: "race-blob-push", Text: "Several clients push one blob at once: all succeed, and it is whole.",
		Endpoint: "end-4a end-6", Level: Must, Area: Push, Source: Ours,
		check: pushesBlobTogether,
	}, {
		ID: "race-blob-chunks", Text: "Several clients push one blob in chunks at once: all succeed, and it is whole.",
		Endpoint: "end-5 end-6", Level: Must, Area: Push, Source: Ours, Needs: []Feature{Chunked},
		check: pushesChunksTogether,
	}, {
		ID: "race-blob-delete", Text: "A blob that is deleted while it is pulled comes whole or is not found.",
		Endpoint: "end-2 end-10", Level: Must, Area: Pull, Source: Ours, Needs: []Feature{DeleteBlob},
		check: pullsWhileDeleting,
	}, {
		ID: "race-blob-push-delete", Text: "A blob that is pushed and deleted at once is there, whole, or is not.",
		Endpoint: "end-6 end-10", Level: Must, Area: Push, Source: Ours, Needs: []Feature{DeleteBlob},
		check: pushesWhileDeleting,
	}, {
		ID: "race-mount", Text: "A blob that is mounted and deleted from its source at once is mounted whole, or not at all.",
		Endpoint: "end-11 end-10", Level: Must, Area: Push, Source: Ours, Needs: []Feature{Mount, DeleteBlob},
		check: mountsWhileDeleting,
	},
}

var raceManifestStatements = []Statement{
	{
		ID: "race-tag-push", Text: "Several clients push other manifests under one tag at once: all are there, and the tag is on one of them.",
		Endpoint: "end-7 end-3", Level: Must, Area: Push, Source: Ours, Needs: []Feature{MovableTags},
		check: pushesTagTogether,
	}, {
		ID: "race-tag-pull", Text: "Who pulls a tag while it moves gets one manifest or another, whole, with its own digest and type.",
		Endpoint: "end-7 end-3", Level: Must, Area: Pull, Source: Ours, Needs: []Feature{MovableTags},
		check: pullsMovingTag,
	}, {
		ID: "race-list-push", Text: "A list of tags that is made while tags are pushed has all those pushed before, and no other.",
		Endpoint: "end-8a end-7", Level: Must, Area: Discovery, Source: Ours,
		check: listsWhilePushing,
	}, {
		ID: "race-referrers", Text: "Several clients push referrers of one subject at once: all are listed.",
		Endpoint: "end-7 end-12a", Level: Must, Area: Discovery, Source: Ours, Needs: []Feature{Referrers},
		check: pushesReferrersTogether,
	}, {
		ID: "race-manifest-delete", Text: "A manifest that is deleted by digest while a tag is put on it: the tag is on it and it is there, or both are gone.",
		Endpoint: "end-7 end-9", Level: Must, Area: Management, Source: Ours, Needs: []Feature{DeleteManifest},
		check: tagsWhileDeleting,
	}, {
		ID: "race-manifest-delete-once", Text: "Of several clients that delete one manifest at once, one at least succeeds, and it is gone.",
		Endpoint: "end-9", Level: Must, Area: Management, Source: Ours, Needs: []Feature{DeleteManifest},
		check: deletesTogether,
	},
}

func pushesBlobTogether(t *tester) {
	r := t.newRepo()
	body := r.bytes(1 << 18)
	t.together(racers, func(int) { r.put(body) })
	r.get(r.blob(digest.FromBytes(body))).wants(http.StatusOK).is(body)
}

func pushesChunksTogether(t *tester) {
	r := t.newRepo()
	length := max(1<<12, r.open().length)
	body := r.bytes(3 * length)
	d := digest.FromBytes(body)
	t.together(racers, func(int) {
		location := r.open().location
		for i := range 3 {
			location = r.chunk(location, body[i*length:(i+1)*length], i*length).wants(http.StatusAccepted).location()
		}
		r.close(location, d).wants(http.StatusCreated)
	})
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
}

func pullsWhileDeleting(t *tester) {
	r := t.newRepo()
	body, d := r.newBlob(4 << 20)
	t.together(racers, func(i int) {
		if i == racers/2 {
			r.delete(r.blob(d)).wants(http.StatusAccepted)
			r.get(r.blob(d)).wants(http.StatusNotFound)
			return
		}
		if a := r.get(r.blob(d)).wants(http.StatusOK, http.StatusNotFound); a.status == http.StatusOK {
			a.is(body)
		}
	})
	r.get(r.blob(d)).wants(http.StatusNotFound)
}

func pushesWhileDeleting(t *tester) {
	r := t.newRepo()
	body, d := r.newBlob(1 << 12)
	t.together(racers, func(i int) {
		if i%2 == 0 {
			r.put(body)
		} else {
			r.delete(r.blob(d)).wants(http.StatusAccepted, http.StatusNotFound)
		}
	})
	if a := r.get(r.blob(d)).wants(http.StatusOK, http.StatusNotFound); a.status == http.StatusOK {
		a.is(body)
	}
}

func mountsWhileDeleting(t *tester) {
	for range racers {
		from, to := t.newRepo(), t.newRepo()
		to.newBlob(32)
		body, d := from.newBlob(1 << 12)
		var mounted *answer
		t.together(2, func(i int) {
			if i == 0 {
				mounted = to.mount(d, from.name).survives()
			} else {
				from.delete(from.blob(d)).wants(http.StatusAccepted)
			}
		})
		if mounted.status == http.StatusCreated {
			to.get(to.blob(d)).wants(http.StatusOK).is(body)
		} else {
			to.get(to.blob(d)).wants(http.StatusNotFound)
		}
	}
}

// images makes images that differ.
func (r repo) images(n int) []manifest {
	all := make([]manifest, n)
	for i := range all {
		all[i] = r.newImage()
	}
	return all
}

func oneOf(t *tester, all []manifest, body []byte) manifest {
	i := slices.IndexFunc(all, func(m manifest) bool { return slices.Equal(m.body, body) })
	if i < 0 {
		t.failf("want one of the manifests that were pushed, got %s", summary(body))
	}
	return all[i]
}

func pushesTagTogether(t *tester) {
	r := t.newRepo()
	all := r.images(racers)
	t.together(racers, func(i int) { r.push(all[i], "v1") })
	oneOf(t, all, r.get(r.manifest("v1")).wants(http.StatusOK).body)
	for _, m := range all {
		r.get(r.manifest(m.digest().String())).wants(http.StatusOK).is(m.body)
	}
}

func pullsMovingTag(t *tester) {
	r := t.newRepo()
	all := append(r.images(2), r.newIndex(nil))
	for _, m := range all {
		r.push(m, "v1")
	}
	t.together(racers, func(i int) {
		for j := range 20 {
			if i < 2 {
				r.push(all[(i+j)%len(all)], "v1")
				continue
			}
			a := r.get(r.manifest("v1")).wants(http.StatusOK)
			m := oneOf(t, all, a.body)
			if got, _, _ := strings.Cut(a.digests(m.body).field("Content-Type"), ";"); got != m.mediaType {
				t.failf("want Content-Type %s, got %s", m.mediaType, got)
			}
		}
	})
}

func listsWhilePushing(t *tester) {
	r := t.newRepo()
	tags := numbered("v%02d", 40)
	m := r.newImage()
	r.push(m, tags[0])
	begin, done := make(chan int, len(tags)), make(chan struct{})
	t.together(2, func(i int) {
		if i == 0 {
			defer close(done)
			begin <- 1
			for j, tag := range tags[1:] {
				r.push(m, tag)
				begin <- j + 2
			}
			return
		}
		before := 0
		for over := false; !over; {
			select {
			case <-done:
				over = true
			case before = <-begin:
			}
			got := slices.Sorted(slices.Values(r.follow("")))
			if len(got) < before || len(got) > len(tags) || !slices.Equal(got, tags[:len(got)]) {
				t.failf("want the first %d tags at least, and none without those before it, got %q", before, got)
			}
		}
	})
	wantsTags(t, r.follow(""), tags...)
}

func pushesReferrersTogether(t *tester) {
	r := t.newRepo()
	subject := r.newImage()
	all := make([]manifest, racers)
	for i := range all {
		all[i] = r.newArtifact("application/vnd.example.sbom", about(subject.descriptor()))
	}
	t.together(racers+1, func(i int) {
		if i == racers {
			r.push(subject, "v1")
		} else {
			r.referring(all[i])
		}
	})
	got, _ := r.referrersOf(subject.digest(), "")
	for _, m := range all {
		r.referrer(got, m)
	}
	wantsCount(t, got, racers)
}

func tagsWhileDeleting(t *tester) {
	for range racers {
		r := t.newRepo()
		m := r.newIndex([]ocispec.Descriptor{})
		r.push(m, "old")
		t.together(2, func(i int) {
			if i == 0 {
				r.push(m, "new")
			} else {
				r.delete(r.manifest(m.digest().String())).wants(http.StatusAccepted)
			}
		})
		byTag := r.get(r.manifest("new")).wants(http.StatusOK, http.StatusNotFound).status
		r.get(r.manifest(m.digest().String())).wants(byTag)
		r.get(r.manifest("old")).wants(http.StatusNotFound)
	}
}

// wantsAny fails the check unless one of several requests was answered with a status.
func wantsAny(t *tester, statuses []int, want int) {
	if !slices.Contains(statuses, want) {
		t.failf("want status %s to one of the requests, got %d", statusText([]int{want}), statuses)
	}
}

func deletesTogether(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	statuses := make([]int, racers)
	t.together(racers, func(i int) {
		statuses[i] = r.delete(r.manifest(m.digest().String())).wants(http.StatusAccepted, http.StatusNotFound).status
	})
	wantsAny(t, statuses, http.StatusAccepted)
	r.get(r.manifest(m.digest().String())).wants(http.StatusNotFound)
	r.get(r.manifest("v1")).wants(http.StatusNotFound)
}

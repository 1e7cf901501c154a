package exam

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// TestDutySentences checks that the duties quote the specification.
func TestDutySentences(t *testing.T) {
	var spec strings.Builder
	for _, name := range []string{"../spec/testdata/distribution-spec-1.1.txt", "../spec/testdata/clients.txt", "../lint/testdata/sentences.txt"} {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		spec.Write(text)
	}
	names := map[string]bool{}
	for _, d := range duties {
		assert.False(t, names[d.name], d.name)
		names[d.name] = true
		if strings.HasPrefix(d.source, distributionSpec) {
			assert.Contains(t, spec.String(), d.sentence, d.name)
		}
		for _, rule := range d.rules {
			assert.NoError(t, rule.Check(), d.name)
		}
	}
}

// TestVariants checks that each trait has variants with names of their own.
func TestVariants(t *testing.T) {
	all, err := variants()
	require.NoError(t, err)
	names := map[string]bool{}
	for _, v := range all {
		assert.False(t, names[v.name], v.name)
		assert.Regexp(t, `^[a-z0-9.-]+=[A-Za-z0-9._-]+$`, v.name)
		names[v.name] = true
	}
	assert.True(t, names["upload.location=absolute"])
	assert.True(t, names["auth.token-field=access_token"])
	assert.Greater(t, len(all), 150)
}

// TestTouches checks that a trial on a trait does not apply to a client that sends no request which
// the trait concerns.
func TestTouches(t *testing.T) {
	log := func(ops ...op.Op) (log record.Log) {
		for _, o := range ops {
			x := record.Exchange{}
			x.Op = o
			log = append(log, x)
		}
		return log
	}
	pull, list := log(op.Ping, op.Token, op.ManifestHead, op.ManifestGet, op.BlobGet), log(op.Ping, op.TagList)
	push := log(op.BlobHead, op.UploadStart, op.UploadCommit, op.ManifestPut)
	all, err := variants()
	require.NoError(t, err)
	for _, v := range all {
		if len(v.fact.Rules) > 0 {
			assert.True(t, v.touches(nil), v.name)
			continue
		}
		family, _, _ := strings.Cut(v.trait, ".")
		assert.Equal(t, slices.Contains([]string{"tags", "referrers", "catalog"}, family), v.family().lists, v.name)
		switch family {
		case "auth", "ping", "answer", "limit", "digest", "repository":
			assert.True(t, v.touches(pull) && v.touches(push) && v.touches(list), v.name)
		case "tags":
			assert.False(t, v.touches(pull) || v.touches(push), v.name)
			assert.True(t, v.touches(list), v.name)
		case "upload":
			assert.False(t, v.touches(pull) || v.touches(list), v.name)
			assert.True(t, v.touches(push), v.name)
		case "manifest", "blob", "referrers", "catalog":
			assert.False(t, v.touches(list), v.name)
		default:
			assert.Fail(t, "a trait of another family", v.name)
		}
	}
}

// TestAnswers checks that answers with a token differ if they have other fields, and not by their token.
func TestAnswers(t *testing.T) {
	of := func(body string) map[string]bool {
		x := record.Exchange{Status: 200, ResponseBody: []byte(body)}
		x.Op = op.Token
		return answers(record.Log{x})
	}
	plain := of(`{"token":"a","access_token":"a"}`)
	assert.True(t, includes(plain, of(`{"access_token":"b","token":"b"}`)))
	for _, body := range []string{`{"token":"a"}`, `{"access_token":"a"}`, `[]`, ``} {
		assert.False(t, includes(plain, of(body)), body)
	}
}

// TestSlots checks that trials that wait make room for others, up to a limit.
func TestSlots(t *testing.T) {
	s := newSlots()
	s.limit, s.most = 1, 2
	first := s.acquire(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan *slot)
	go func() { got <- s.acquire(ctx) }()
	first.setWaiting(true)
	second := <-got
	require.NotNil(t, second)
	second.setWaiting(true)
	go func() { got <- s.acquire(ctx) }() // there are two
	cancel()
	assert.Nil(t, <-got)
	first.release()
	first = s.acquire(t.Context())
	first.release()
	second.release()
	assert.Zero(t, s.running)
	assert.Zero(t, s.waiting)
}

func TestBounded(t *testing.T) {
	b := &bounded{max: 5}
	for _, text := range []string{"abc", "dé", "f"} {
		n, err := b.Write([]byte(text))
		require.NoError(t, err)
		assert.Len(t, text, n)
	}
	assert.Equal(t, "abcd\n…\n", b.String())
}

// TestChoose checks that the choice depends on nothing but the seed, and has every effect.
func TestChoose(t *testing.T) {
	e, err := newExam(Client{Run: Command{"true"}.Run}, []Option{WithSeed(3)})
	require.NoError(t, err)
	var cells []Cell
	for range 10 {
		for _, effect := range e.effects {
			cells = append(cells, Cell{Effect: effect.Name}, Cell{Effect: effect.Name, Forever: true})
		}
	}
	first := choose(slices.Clone(cells), seeded(3, 1))
	assert.Equal(t, first, choose(slices.Clone(cells), seeded(3, 1)))
	assert.NotEqual(t, first, choose(slices.Clone(cells), seeded(4, 1)))
	assert.Len(t, first, 3*len(e.effects))
}

// TestStillness checks that a client has not hung whose pauses grow, as those between its tries do.
func TestStillness(t *testing.T) {
	begun := time.Now()
	at := func(seconds int) time.Time { return begun.Add(time.Duration(seconds) * time.Second) }
	s := stillness{since: begun}
	assert.False(t, s.hung(at(10), 10*time.Second))
	assert.True(t, s.hung(at(11), 10*time.Second))
	s.act(at(6))
	assert.False(t, s.hung(at(6+18), 10*time.Second))
	assert.True(t, s.hung(at(6+19), 10*time.Second))
	s.act(at(7))
	assert.False(t, s.hung(at(7+18), 10*time.Second), "the longest pause counts")
}

package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
)

// TestTerminal talks to a server that would like to do things to a terminal.
func TestTerminal(t *testing.T) {
	const evil = "\x1b]0;x\x07\u009b31m\u202e"
	reply := func(w http.ResponseWriter, status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		assert.NoError(t, json.NewEncoder(w).Encode(v))
	}
	rules := map[string]any{"faults": []any{map[string]any{"name": evil, "rule": map[string]any{"where": evil, "do": []string{evil}}}}}
	failed := map[string]any{"error": map[string]string{"message": evil}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch strings.TrimPrefix(r.URL.Path, "/_ocifake/v1/") {
		case "faults", "faults/known/reset-mid-blob":
			reply(w, http.StatusOK, rules)
		case "requests":
			reply(w, http.StatusOK, map[string]int{"dropped": 0})
		case "requests.jsonl", "requests.har":
			reply(w, http.StatusOK, map[string]string{"target": evil})
		case "journal.txt":
			_, err := w.Write([]byte("…" + evil + "\n\xff\n"))
			assert.NoError(t, err)
		case "expectations":
			reply(w, http.StatusOK, map[string]any{"ok": false, "results": []any{map[string]any{"expect": evil, "message": evil}}, "journal": evil})
		case "load":
			reply(w, http.StatusOK, map[string]any{"loaded": []any{map[string]any{"repository": evil, "tags": []string{evil}, "descriptor": map[string]any{"digest": evil}}}})
		default:
			reply(w, http.StatusBadRequest, failed)
		}
	}))
	defer s.Close()
	for _, test := range []struct {
		command string
		status  int
	}{
		{"faults list", 0}, {"faults add known:reset-mid-blob", 0}, {"requests", 0}, {"assert count==0", 1},
		{"faults list --json", 0}, {"requests --json", 0}, {"requests --har -", 0}, {"assert count==0 --json", 1}, {"load " + t.TempDir(), 0},
		{"reset", 1}, {"tokens revoke", 1}, {"faults rm x", 1}, {evil, 2},
	} {
		t.Run(strings.Fields(test.command)[0], func(t *testing.T) {
			var stdout, stderr strings.Builder
			args := append(strings.Split(test.command, " "), "--url", s.URL)
			status := run(t.Context(), args, &stdout, &stderr)
			text := stdout.String() + stderr.String()
			assert.Equal(t, test.status, status, text)
			assert.NotEmpty(t, text)
			for _, c := range text {
				if c != '\n' {
					assert.True(t, unicode.IsPrint(c), "%q", text)
				}
			}
		})
	}
}

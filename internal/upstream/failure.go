package upstream

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// writeError sends an error in the form of the distribution specification ("Error Codes").
func writeError(w http.ResponseWriter, status int, code, message string) {
	type failure struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	text, err := json.Marshal(map[string][]failure{"errors": {{code, message}}})
	if err != nil {
		panic("upstream: " + err.Error()) // it has only strings
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that left needs no answer
}

package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// serve serves a registry with an Auth in front of it.
func serve(a auth.Authenticator) *httptest.Server {
	reg := registry.New(memstore.New(memstore.Options{}), registry.Options{Allow: auth.Allow})
	return httptest.NewServer(auth.Handler(a, reg))
}

// newService is auth.New for examples.
func newService(options auth.Options) *auth.Service {
	service, err := auth.New(options)
	if err != nil {
		panic(err)
	}
	return service
}

// try prints how a server answers to credentials.
func try(server *httptest.Server, method, path, user, password string) {
	request, err := http.NewRequest(method, server.URL+path, nil)
	if err != nil {
		panic(err)
	}
	if user != "" {
		request.SetBasicAuth(user, password)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	challenge := strings.ReplaceAll(response.Header.Get("WWW-Authenticate"), server.URL, "http://registry.example")
	fmt.Println(strings.TrimSpace(response.Status + " " + challenge))
}

// tokenFor asks a server for a token for alice.
func tokenFor(server *httptest.Server) string {
	request, err := http.NewRequest("GET", server.URL+"/v2/token", nil)
	if err != nil {
		panic(err)
	}
	request.SetBasicAuth("alice", "secret")
	response, err := server.Client().Do(request)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	var body struct{ Token string }
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		panic(err)
	}
	return body.Token
}

// statusOf is what a server answers to a token.
func statusOf(server *httptest.Server, token string) int {
	request, err := http.NewRequest("GET", server.URL+"/v2/", nil)
	if err != nil {
		panic(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := server.Client().Do(request)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

func ExampleNew() {
	service, err := auth.New(auth.Options{
		Users: map[string]string{"alice": "secret"},
		Rules: []auth.Rule{
			{Users: []string{"alice"}, Repos: []string{"team/*"}},
			auth.Anonymous("public/*"),
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := serve(service)
	defer server.Close()
	try(server, "POST", "/v2/team/app/blobs/uploads/", "", "")
	try(server, "POST", "/v2/team/app/blobs/uploads/", "alice", "secret")
	try(server, "POST", "/v2/public/app/blobs/uploads/", "alice", "secret")
	try(server, "GET", "/v2/public/app/manifests/v1", "", "")
	// Output:
	// 401 Unauthorized Basic realm="ocifake"
	// 202 Accepted
	// 403 Forbidden
	// 404 Not Found
}

func ExampleNew_tokens() {
	server := serve(newService(auth.Options{
		Users: map[string]string{"alice": "secret"},
		Token: &auth.TokenOptions{Service: "registry.example", TTL: time.Minute},
	}))
	defer server.Close()
	try(server, "GET", "/v2/app/manifests/v1", "", "")
	try(server, "GET", "/v2/token?service=registry.example&scope=repository:app:pull", "alice", "secret")
	// Output:
	// 401 Unauthorized Bearer realm="http://registry.example/v2/token",service="registry.example",scope="repository:app:pull"
	// 200 OK
}

func ExampleHandler() {
	service := newService(auth.Options{Users: map[string]string{"alice": "secret"}})
	reg := registry.New(memstore.New(memstore.Options{}), registry.Options{Allow: auth.Allow})
	server := httptest.NewServer(auth.Handler(service, reg))
	defer server.Close()
	try(server, "GET", "/v2/", "", "")
	try(server, "GET", "/v2/", "alice", "secret")
	// Output:
	// 401 Unauthorized Basic realm="ocifake"
	// 200 OK
}

// apiKeys lets those in who know a key, and out of them only admins delete.
type apiKeys map[string]string // key to user

func (k apiKeys) Authenticate(r *http.Request) (auth.Identity, error) {
	user, ok := k[r.Header.Get("X-Api-Key")]
	if !ok {
		return auth.Identity{}, errors.New("no such key")
	}
	return auth.Identity{Subject: user, Scheme: "Key"}, nil
}

func (k apiKeys) Authorize(_ context.Context, who auth.Identity, access auth.Access) error {
	if access.Action == registry.Delete && who.Subject != "admin" {
		return errors.New("only admins delete")
	}
	return nil
}

func (k apiKeys) Challenge(*http.Request, auth.Access, error) []string { return []string{"Key"} }

func ExampleAuthenticator() {
	server := serve(apiKeys{"1234": "alice"})
	defer server.Close()
	for _, key := range []string{"", "1234"} {
		request, err := http.NewRequest("DELETE", server.URL+"/v2/app/manifests/v1", nil)
		if err != nil {
			panic(err)
		}
		request.Header.Set("X-Api-Key", key)
		response, err := server.Client().Do(request)
		if err != nil {
			panic(err)
		}
		response.Body.Close()
		fmt.Println(response.Status, response.Header.Get("WWW-Authenticate"))
	}
	// Output:
	// 401 Unauthorized Key
	// 403 Forbidden
}

func ExampleAnonymous() {
	server := serve(newService(auth.Options{Rules: []auth.Rule{auth.Anonymous("public/*")}}))
	defer server.Close()
	try(server, "GET", "/v2/public/app/manifests/v1", "", "")
	try(server, "GET", "/v2/private/app/manifests/v1", "", "")
	// Output:
	// 404 Not Found
	// 401 Unauthorized Basic realm="ocifake"
}

func ExampleService_Password() {
	service := newService(auth.Options{})
	server := serve(service)
	defer server.Close()
	token := service.Password("AWS", 12*time.Hour)
	try(server, "GET", "/v2/", "AWS", token)
	service.RevokeAll()
	try(server, "GET", "/v2/", "AWS", token)
	// Output:
	// 200 OK
	// 401 Unauthorized Basic realm="ocifake"
}

func ExampleService_Next() {
	service := newService(auth.Options{Users: map[string]string{"alice": "secret"}, Token: &auth.TokenOptions{}})
	server := serve(service)
	defer server.Close()
	service.Next(auth.Life{Uses: 2})
	short, normal := tokenFor(server), tokenFor(server)
	for range 3 {
		fmt.Println(statusOf(server, short), statusOf(server, normal))
	}
	// Output:
	// 200 200
	// 200 200
	// 401 200
}

func ExampleService_RevokeAll() {
	service := newService(auth.Options{Users: map[string]string{"alice": "secret"}, Token: &auth.TokenOptions{}})
	server := serve(service)
	defer server.Close()
	token := tokenFor(server)
	fmt.Println(statusOf(server, token))
	service.RevokeAll()
	fmt.Println(statusOf(server, token))
	// Output:
	// 200
	// 401
}

func ExampleService_RealmURL() {
	service := newService(auth.Options{Token: &auth.TokenOptions{Service: "hub"}})
	request := httptest.NewRequest("GET", "https://registry.example/v2/app/tags/list", nil)
	_, state := inflight.Begin(request)
	fmt.Println(service.RealmURL(request), service.ServiceName(), service.ScopeFor(state.Info()))
	// Output: https://registry.example/v2/token hub repository:app:pull
}

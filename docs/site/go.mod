module github.com/ocifake/ocifake/docs/site

go 1.25.0

require (
	github.com/ocifake/ocifake v0.0.0
	github.com/yuin/goldmark v1.8.7
)

require (
	github.com/golang-jwt/jwt/v5 v5.3.1 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/opencontainers/image-spec v1.1.0 // indirect
	golang.org/x/crypto v0.55.0 // indirect
)

replace github.com/ocifake/ocifake => ../..

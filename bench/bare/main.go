// Command bare is the baseline for the startup of registries: a program that only uses net/http and
// responds with 200 to every request at the given address.
package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	log.Fatal(http.ListenAndServe(os.Args[1], http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
}

// Command bare is what the start of a registry is compared with: a program of net/http
// alone that answers 200 to everything, at the address that it is given.
package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	log.Fatal(http.ListenAndServe(os.Args[1], http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
}

package profiles_test

import (
	"fmt"

	"github.com/ocifake/ocifake/profiles"
)

func ExampleFind() {
	ghcr, err := profiles.Find("ghcr.io")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ghcr.Title)
	fmt.Println(ghcr.Explain("referrers.list"))
	// Output:
	// GitHub Container Registry
	// GitHub Container Registry: /referrers/ is answered with 404 (dataaxiom/ghcr-cleanup-action#114)
}

func ExampleTraits() {
	for _, trait := range profiles.Traits() {
		if trait.Name == "blob.mount" {
			fmt.Println(trait.About, trait.Values)
		}
	}
	// Output: which mounts succeed [readable named referenced any never]
}

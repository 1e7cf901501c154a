package exam_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

// clientVariable makes the test binary a client.
const clientVariable = "OCIFAKE_TEST_CLIENT"

// clientMain pulls a manifest, without any limit of time, and returns the exit status.
func clientMain() int {
	request, err := http.NewRequest(http.MethodGet, os.Getenv("OCIFAKE_URL")+"/v2/team/app/manifests/v1", nil)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if user := os.Getenv("OCIFAKE_USERNAME"); user != "" {
		request.SetBasicAuth(user, os.Getenv("OCIFAKE_PASSWORD"))
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer answer.Body.Close()
	if _, err := io.Copy(os.Stdout, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		fmt.Println(answer.Status, err)
		return 1
	}
	return 0
}

// helper-client drives a credential helper with docker-credential-helpers' own client, as docker and others do.
//
//	helper-client PROGRAM get|store|erase|list
//
// What the client's function takes is read from stdin: a server URL for get and erase, credentials as JSON for
// store. What it returns is written to stdout as one JSON object: "credentials" or "list", or "error" with
// "not_found", which says whether the client knows the error for «there are no such credentials».
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"
)

type answer struct {
	Credentials *credentials.Credentials `json:"credentials,omitempty"`
	List        map[string]string        `json:"list,omitempty"`
	Error       string                   `json:"error,omitempty"`
	NotFound    bool                     `json:"not_found"`
}

func main() {
	if len(os.Args) != 3 {
		fatal(fmt.Errorf("usage: helper-client PROGRAM get|store|erase|list"))
	}
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		fatal(err)
	}
	var told answer
	if err := drive(client.NewShellProgramFunc(os.Args[1]), os.Args[2], input, &told); err != nil {
		told.Error = err.Error()
		told.NotFound = credentials.IsErrCredentialsNotFound(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(told); err != nil {
		fatal(err)
	}
}

func drive(program client.ProgramFunc, verb string, input []byte, told *answer) (err error) {
	switch verb {
	case credentials.ActionGet:
		told.Credentials, err = client.Get(program, string(input))
	case credentials.ActionStore:
		var login credentials.Credentials
		if err := json.Unmarshal(input, &login); err != nil {
			fatal(err)
		}
		err = client.Store(program, &login)
	case credentials.ActionErase:
		err = client.Erase(program, string(input))
	case credentials.ActionList:
		told.List, err = client.List(program)
	default:
		fatal(fmt.Errorf("unknown verb %q", verb))
	}
	return err
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "helper-client:", err)
	os.Exit(2)
}

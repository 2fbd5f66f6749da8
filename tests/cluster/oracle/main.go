// The kubelet oracle: what the kubelet's own code makes of an image name and of pull secrets.
//
// It reads cases from stdin, one JSON object a line, and answers each on stdout in the same way. An answer is
// written at the latest when no further case is waiting. It ends with stdin.
//
// GODEBUG needs no setting: Kubernetes builds the kubelet with `godebug default=go1.26` (its go.mod), and the
// `go 1.26` of our own go.mod means the same.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/credentialprovider/secrets"
	"k8s.io/kubernetes/pkg/features"
	"k8s.io/kubernetes/pkg/util/parsers"
)

type question struct {
	Secrets []secret `json:"secrets"`
	Image   string   `json:"image"`
}

type secret struct {
	Name string            `json:"name"`
	Type v1.SecretType     `json:"type"`
	Data map[string][]byte `json:"data"`
}

// An answer. Of image_error, pull_error and the rest, one holds.
type answer struct {
	Repository  string       `json:"repository"`
	Tag         string       `json:"tag"`
	Digest      string       `json:"digest"`
	ImageError  string       `json:"image_error,omitempty"`
	PullError   string       `json:"pull_error,omitempty"`
	Credentials []credential `json:"credentials"`
	// The keys of the entries that each secret decodes to.
	Keys [][]string `json:"keys"`
	// Those of them that the keyring leaves out, because they are no URLs; in no order.
	Unparsable []string `json:"unparsable"`
}

// A credential that is tried. A Go string need not be UTF-8, so its values are bytes, which are base64 in JSON.
type credential struct {
	Secret   string `json:"secret"`
	Username []byte `json:"username"`
	Password []byte `json:"password"`
	Email    []byte `json:"email"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "kubelet oracle:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	if err := captureLog(); err != nil {
		return err
	}
	if !utilfeature.DefaultFeatureGate.Enabled(features.KubeletEnsureSecretPulledImages) {
		return errors.New("KubeletEnsureSecretPulledImages is off, so credentials don't say where they are from")
	}
	reader := bufio.NewReaderSize(in, 1<<16)
	writer := bufio.NewWriterSize(out, 1<<16)
	encoder := json.NewEncoder(writer)
	for {
		line, err := reader.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return writer.Flush()
		}
		if err != nil && err != io.EOF {
			return err
		}
		var asked question
		if err := json.Unmarshal(line, &asked); err != nil {
			return fmt.Errorf("not a case: %w", err)
		}
		if err := encoder.Encode(asked.answer()); err != nil {
			return err
		}
		if reader.Buffered() == 0 {
			if err := writer.Flush(); err != nil {
				return err
			}
		}
	}
}

func (asked question) answer() (result answer) {
	var err error
	result.Repository, result.Tag, result.Digest, err = parsers.ParseImageName(asked.Image)
	if err != nil {
		result.ImageError = err.Error()
		return result
	}
	log.Reset()
	passed := make([]v1.Secret, len(asked.Secrets))
	for i, secret := range asked.Secrets {
		meta := metav1.ObjectMeta{Namespace: "default", Name: secret.Name}
		passed[i] = v1.Secret{ObjectMeta: meta, Type: secret.Type, Data: secret.Data}
	}
	keyring, err := secrets.MakeDockerKeyring(passed, &credentialprovider.BasicDockerKeyring{})
	if err != nil {
		result.PullError = err.Error()
		return result
	}
	tried, _ := keyring.Lookup(result.Repository)
	for _, found := range tried {
		result.Credentials = append(result.Credentials, credential{
			Secret:   found.Source.Secret.Name,
			Username: []byte(found.Username),
			Password: []byte(found.Password),
			Email:    []byte(found.Email),
		})
	}
	for _, secret := range passed {
		result.Keys = append(result.Keys, keysOf(secret))
	}
	result.Unparsable = unparsable(log.String())
	return result
}

// keysOf decodes a secret as the kubelet's `secretsToTrackedDockerConfigs` does, which keeps the result to itself.
func keysOf(secret v1.Secret) []string {
	var config credentialprovider.DockerConfigJSON
	switch secret.Type {
	case v1.SecretTypeDockerConfigJson:
		_ = json.Unmarshal(secret.Data[v1.DockerConfigJsonKey], &config)
	case v1.SecretTypeDockercfg:
		_ = json.Unmarshal(secret.Data[v1.DockerConfigKey], &config.Auths)
	}
	keys := make([]string, 0, len(config.Auths))
	for key := range config.Auths {
		keys = append(keys, key)
	}
	return keys
}

// What the kubelet has logged about this case. It is where one learns of keys that are left out.
var log bytes.Buffer

func captureLog() error {
	var flags flag.FlagSet
	klog.InitFlags(&flags)
	// Not to stderr, and not once more for each lower severity.
	for name, value := range map[string]string{"logtostderr": "false", "stderrthreshold": "FATAL", "one_output": "true"} {
		if err := flags.Set(name, value); err != nil {
			return err
		}
	}
	klog.SetOutput(&log)
	return nil
}

// unparsable returns the keys in lines such as `E… keyring.go:173] Entry "a b" in dockercfg invalid (…), ignoring`.
func unparsable(lines string) (keys []string) {
	for line := range strings.Lines(lines) {
		_, entry, _ := strings.Cut(line, "] Entry ")
		quoted, _ := strconv.QuotedPrefix(entry)
		if key, err := strconv.Unquote(quoted); err == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

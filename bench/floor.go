package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"

	"golang.org/x/sync/errgroup"
)

// plan is what the bare client fetches: the lists that a scan reads.
type plan struct {
	Array, Token, Socket string
	Lists, LXD           []string
}

func writePlan(path, arrayURL, token, socket string, members int) error {
	inPod := url.Values{"filter": {"pod.name='" + pool + "'"}}.Encode()
	lxd := []string{
		"/1.0", "/1.0/storage-pools?recursion=1", "/1.0/operations?recursion=1&all-projects=true", "/1.0/projects?recursion=1",
		"/1.0/cluster/members?recursion=1", "/1.0/instances?recursion=1&all-projects=true",
		"/1.0/storage-pools/" + pool + "/volumes?recursion=1&all-projects=true",
	}
	for i := range members {
		lxd = append(lxd, fmt.Sprintf("/1.0?target=lxd%02d", i+1))
	}
	data, err := json.Marshal(plan{
		Array: arrayURL, Token: token, Socket: socket,
		Lists: []string{
			"volumes?" + inPod, "volume-snapshots?" + inPod, "connections?", "hosts?", "host-groups?", "pods?", "arrays?",
			"volumes/protection-groups?", "volumes/performance?" + url.Values{"filter": {"name='" + pool + "::*'"}}.Encode(),
		},
		LXD: lxd,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

var continuation = regexp.MustCompile(`"continuation_token": ?"([^"]+)"`)

// fetch is the floor: nobody can ask less and know as much.
func fetch(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var p plan
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	// The certificate is the simulator's own; the floor measures speed.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 4}}
	ctx := context.Background()
	login, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Array+"/api/2.21/login", http.NoBody)
	if err != nil {
		return err
	}
	login.Header.Set("api-token", p.Token)
	answer, err := client.Do(login)
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	session := answer.Header.Get("x-auth-token")

	var lists errgroup.Group
	lists.SetLimit(4)
	for _, list := range p.Lists {
		lists.Go(func() error { return walk(ctx, client, p.Array+"/api/2.21/"+list, session) })
	}
	if err := lists.Wait(); err != nil {
		return err
	}
	lxd := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", p.Socket)
	}}}
	for _, path := range p.LXD {
		if err := get(ctx, lxd, "http://lxd"+path, "", io.Discard); err != nil {
			return err
		}
	}
	return nil
}

// walk fetches all pages of a list and looks for nothing but the next one.
func walk(ctx context.Context, client *http.Client, list, session string) error {
	var page bytes.Buffer
	address, offset := list+"&limit=1000&total_item_count=true", 0
	for {
		page.Reset()
		if err := get(ctx, client, address, session, &page); err != nil {
			return err
		}
		if token := continuation.FindSubmatch(page.Bytes()); token != nil {
			address = list + "&limit=1000&continuation_token=" + url.QueryEscape(string(token[1]))
			continue
		}
		if !bytes.Contains(page.Bytes(), []byte(`"more_items_remaining":true`)) {
			return nil
		}
		offset += 1000
		address = fmt.Sprintf("%s&limit=1000&offset=%d", list, offset)
	}
}

func get(ctx context.Context, client *http.Client, address, session string, into io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	if session != "" {
		request.Header.Set("x-auth-token", session)
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return errors.New(address + ": " + answer.Status)
	}
	_, err = io.Copy(into, answer.Body)
	return err
}

package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pureclean/pureclean/plainfile"
	"github.com/pureclean/pureclean/secret"
)

// TokenFileVariable names a file that holds the API token. The variable holds
// a path and not the token: environments are shown by ps, systemctl and logs.
const TokenFileVariable = "PURECLEAN_API_TOKEN_FILE"

// credential is the name under which systemd's LoadCredential passes a token;
// a pool's own is credential + "-" + pool.
const credential = "pure-api-token"

// TokenFrom finds the API token for a pool: the pool's token_file, a systemd
// credential, or the file that TokenFileVariable names, in this order. An
// empty secret and no error means that none of them is there: LXD's own pool
// configuration is then asked. getenv is os.Getenv outside of tests. The setting
// says where the token was found, or should have been, and holds no token.
func (c Config) TokenFrom(pool string, getenv func(string) string) (secret.Text, Setting, error) {
	if file := c.Pools[pool].Array.TokenFile; file != "" {
		token, err := readToken(file, true)
		return token, Setting{Origin: FromFile, Where: file}, err
	}
	if dir := getenv("CREDENTIALS_DIRECTORY"); dir != "" {
		for _, name := range []string{credential + "-" + pool, credential} {
			// A pool's name is the operator's, not a path.
			if !filepath.IsLocal(name) || filepath.Base(name) != name {
				continue
			}
			// systemd guards the directory itself.
			path := filepath.Join(dir, name)
			token, err := readToken(path, false)
			if err == nil || !errors.Is(err, os.ErrNotExist) {
				return token, Setting{Origin: FromCredential, Where: path}, err
			}
		}
	}
	if file := getenv(TokenFileVariable); file != "" {
		token, err := readToken(file, true)
		return token, Setting{Origin: FromEnvironment, Where: "$" + TokenFileVariable + ": " + file}, err
	}
	return secret.Text{}, Setting{}, nil
}

// PeerToken reads the API token for a pool's peer array, which is in a file of
// its own: no other array's token is ever shown to it.
func (c Config) PeerToken(pool, peer string) (secret.Text, error) {
	return readToken(c.Pools[pool].Peers[peer].TokenFile, true)
}

// openToOthersError is a token file that is no secret.
type openToOthersError struct {
	Path string
	Mode os.FileMode
}

func (e *openToOthersError) Error() string {
	return fmt.Sprintf("%s can be read by others (mode %04o): run chmod 600 %s", e.Path, e.Mode, e.Path)
}

func readToken(path string, private bool) (secret.Text, error) {
	file, err := plainfile.Open(path)
	if err != nil {
		return secret.Text{}, fmt.Errorf("API token: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return secret.Text{}, fmt.Errorf("API token: %w", err)
	}
	if private && info.Mode().Perm()&0o077 != 0 {
		return secret.Text{}, fmt.Errorf("API token: %w", &openToOthersError{path, info.Mode().Perm()})
	}
	data, err := io.ReadAll(io.LimitReader(file, 4097))
	if err != nil {
		return secret.Text{}, fmt.Errorf("API token: %w", err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	// A header can't hold these, and a file that does is not a token.
	if text == "" || len(data) > 4096 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return secret.Text{}, fmt.Errorf("API token: %s does not hold one line with a token", path)
	}
	return secret.New(text), nil
}

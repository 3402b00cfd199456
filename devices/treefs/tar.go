package treefs

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// maxFile bounds one file of an archive, in bytes.
const maxFile = 64 << 20

// ReadTarGz reads a recording from a file on disk.
func ReadTarGz(name string) (*FS, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return FromTarGz(f)
}

// Unpack unpacks a recorded machine, whose archive has it in a directory called
// root, below dir. Symbolic links are made as recorded, wherever they point;
// nothing is written through one.
func Unpack(file, dir string) error {
	tree, err := ReadTarGz(file)
	if err != nil {
		return err
	}
	root, err := fs.Sub(tree, "root")
	if err != nil {
		return err
	}
	return os.CopyFS(dir, root)
}

// FromTarGz reads a tree from a gzip-compressed tar archive. Files, links and
// device nodes are kept, other kinds (sockets, fifos) are left out.
func FromTarGz(r io.Reader) (*FS, error) {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("reading a tree's archive: %w", err)
	}
	t := New()
	archive := tar.NewReader(unzipped)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return t, t.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("reading a tree's archive: %w", err)
		}
		if err := t.addHeader(header, archive); err != nil {
			return nil, fmt.Errorf("reading %q from a tree's archive: %w", header.Name, err)
		}
	}
}

func (t *FS) addHeader(header *tar.Header, content io.Reader) error {
	name := strings.TrimPrefix(path.Clean("/"+header.Name), "/")
	if name == "" {
		return nil
	}
	switch header.Typeflag {
	case tar.TypeDir:
		t.AddDir(name)
	case tar.TypeReg:
		data, err := io.ReadAll(io.LimitReader(content, maxFile+1))
		if err != nil {
			return err
		}
		if len(data) > maxFile {
			return fmt.Errorf("it is larger than %d bytes", maxFile)
		}
		t.AddFile(name, data)
	case tar.TypeSymlink:
		t.AddLink(name, header.Linkname)
	case tar.TypeLink:
		data, err := t.ReadFile(strings.TrimPrefix(path.Clean("/"+header.Linkname), "/"))
		if err != nil {
			return err
		}
		t.AddFile(name, data)
	case tar.TypeBlock, tar.TypeChar:
		t.AddDevice(name, uint32(header.Devmajor), uint32(header.Devminor), header.Typeflag == tar.TypeChar)
	}
	return nil
}

// Files lists the paths of all regular files in the order of a walk. It does
// not follow links.
func (t *FS) Files() []string {
	var names []string
	// Nothing in the tree can fail to be listed: the walk has no error.
	_ = fs.WalkDir(t, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			names = append(names, name)
		}
		return nil
	})
	return names
}

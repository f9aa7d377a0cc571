// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// photoPackages are those of Debian that the photographs are taken from.
var photoPackages = []string{"gnome-backgrounds", "mate-backgrounds", "plasma-workspace-wallpapers",
	"lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04", "ukui-wallpapers", "sway-backgrounds"}

const photoSource = "photographs of the Debian packages %s: each picture once, of at least 900 pixels " +
	"on its shorter side, scaled to at most 2560 on its longer one"

// photographs returns a folder with the unpacked packages. Nothing is installed. The texts of the
// licences are copied into the set, and its provenance begins with the versions.
func (k *kitchen) photographs(ctx context.Context) (string, error) {
	downloads := filepath.Join(k.cache, "downloads", "photographs")
	unpacked := filepath.Join(k.cache, "photographs")
	if err := os.MkdirAll(downloads, 0o777); err != nil {
		return "", err
	}
	var versions []string
	for _, name := range photoPackages {
		archive, err := fetchDebian(ctx, k, downloads, name)
		if err != nil {
			return "", fmt.Errorf("the Debian package %s: %w", name, err)
		}
		dir := filepath.Join(unpacked, strings.TrimSuffix(filepath.Base(archive), ".deb"))
		if err := k.unpack(ctx, archive, dir); err != nil {
			return "", fmt.Errorf("the Debian package %s: %w", name, err)
		}
		version := strings.Split(filepath.Base(archive), "_")[1]
		versions = append(versions, name+" "+strings.ReplaceAll(version, "%3a", ":"))
		licence, err := os.ReadFile(filepath.Join(dir, "usr", "share", "doc", name, "copyright"))
		if err != nil {
			return "", fmt.Errorf("the Debian package %s has no licence text: %w", name, err)
		}
		to := filepath.Join(k.dir, "licences")
		if err := os.MkdirAll(to, 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(to, name+".txt"), licence, 0o644); err != nil {
			return "", err
		}
	}
	k.provenance = fmt.Sprintf(photoSource, strings.Join(versions, ", "))
	return unpacked, nil
}

// fetchDebian returns the path of the package NAME_VERSION_ARCHITECTURE.deb in the folder. apt checks
// what it fetches against the signed lists of the distribution.
func fetchDebian(ctx context.Context, k *kitchen, downloads, name string) (string, error) {
	pattern := filepath.Join(downloads, name+"_*_*.deb")
	found, err := filepath.Glob(pattern)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		fmt.Fprintf(k.log, "fetching Debian package %s\n", name)
		work, err := os.MkdirTemp(downloads, ".apt-*")
		if err != nil {
			return "", err
		}
		defer os.RemoveAll(work)
		if err := runTool(ctx, work, "apt-get", "download", name); err != nil {
			return "", fmt.Errorf("%w\n(on a system without apt, put the .deb file into %s)", err, downloads)
		}
		fresh, err := filepath.Glob(filepath.Join(work, "*.deb"))
		if err != nil {
			return "", err
		}
		for _, path := range fresh {
			if err := os.Rename(path, filepath.Join(downloads, filepath.Base(path))); err != nil {
				return "", err
			}
		}
		if found, err = filepath.Glob(pattern); err != nil {
			return "", err
		}
	}
	if len(found) == 0 {
		return "", fs.ErrNotExist
	}
	return found[len(found)-1], nil
}

func (k *kitchen) unpack(ctx context.Context, archive, dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), ".unpacking-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := runTool(ctx, work, "dpkg-deb", "-x", archive, work); err != nil {
		return err
	}
	if err := os.Rename(work, dir); err != nil {
		if _, again := os.Stat(dir); again != nil {
			return err
		} // else another process was faster
	}
	return nil
}

// What the sets of photographs hold; sift-128 has siftRows only if there are so many.
const (
	siftRows     = 1_000_000
	siftContrast = 0.01
	gistRows     = 200_000
)

func makeSIFT(ctx context.Context, k *kitchen) error {
	return k.describe(ctx, "sift.py", siftRows, map[string]any{"contrast": siftContrast, "cap": 0},
		func(r *scriptResult) string {
			text := fmt.Sprintf("SIFT descriptors by OpenCV (contrast threshold %v, no cap on their number), "+
				"values 0 to 255, without duplicates: %d of %d distinct ones, from %d", siftContrast, r.Rows,
				r.Distinct, r.Photographs)
			if r.Rows < siftRows+k.recipe.queries {
				text = "fewer than a million, for there are no more: " + text
			}
			return text
		})
}

func makeGIST(ctx context.Context, k *kitchen) error {
	return k.describe(ctx, "gist.py", gistRows, nil, func(r *scriptResult) string {
		return fmt.Sprintf("GIST descriptors (3 colours, 20 Gabor filters, 4 x 4 cells) of random patches of "+
			"48 to 192 pixels, which may overlap but are all different, from %d", r.Photographs)
	})
}

// describe has a script write one file of descriptors, and holds the queries out of them.
func (k *kitchen) describe(ctx context.Context, script string, rows int, arguments map[string]any,
	what func(*scriptResult) string) error {

	photos, err := k.photographs(ctx)
	if err != nil {
		return err
	}
	all := map[string]any{"photos": photos, "out": k.raw(), "rows": rows + k.recipe.queries,
		"seed": seed}
	for name, value := range arguments {
		all[name] = value
	}
	r, err := k.python(ctx, script, "describing photographs", needImages, all)
	if err != nil {
		return err
	}
	k.dim = r.Dim
	k.provenance = what(r) + " " + k.provenance
	return k.split(ctx, k.recipe.queries)
}

// makePatches has base and queries written at once: they are random already.
func makePatches(ctx context.Context, k *kitchen) error {
	photos, err := k.photographs(ctx)
	if err != nil {
		return err
	}
	r, err := k.python(ctx, "patches.py", "reducing patches", needImages, map[string]any{
		"photos": photos, "base": k.base(), "rows": k.rows, "queries_out": k.queries(),
		"queries": k.recipe.queries, "seed": seed})
	if err != nil {
		return err
	}
	k.dim = r.Dim
	k.provenance = fmt.Sprintf("random grey patches of 16 x 16 pixels, less their mean, reduced by PCA to "+
		"40 dimensions (%.1f %% of the variance) and normalised; a stand-in for the set youtube of the "+
		"original project, which is not public; from %d %s", 100*r.Kept, r.Photographs, k.provenance)
	return nil
}

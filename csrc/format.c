/* format.c - the header: made from an index, checked against everything it can be checked against.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "format.h"

#include "crc32c.h"
#include "index.h"
#include "sketch.h"

#include <math.h>

struct n2_column *n2_format_column(struct n2_index *index, int section)
{
    switch (section) {
    case N2_SECTION_VECTORS:
        return &index->store.vectors;
    case N2_SECTION_LABELS:
        return &index->store.labels;
    case N2_SECTION_IDS:
        return &index->store.ids;
    case N2_SECTION_HEIGHTS:
        return &index->graph.heights;
    case N2_SECTION_LINKS0:
        return &index->graph.links0;
    case N2_SECTION_TOWERS:
        return &index->graph.towers;
    case N2_SECTION_UPPER:
        return &index->graph.upper;
    case N2_SECTION_MEANS:
        return &index->space.means;
    case N2_SECTION_AXES:
        return &index->space.axes;
    case N2_SECTION_SCALES:
        return &index->space.scales;
    case N2_SECTION_CODES:
        return &index->space.codes;
    case N2_SECTION_SKETCHES:
        return &index->space.sketches;
    case N2_SECTION_KEYS:
        return &index->keys.rows;
    case N2_SECTION_KEY_BYTES:
        return &index->keys.bytes;
    default:
        return &index->keys.slots;
    }
}

/* Rows and bytes of a row of a section, as the header's counts and parameters say. */
static void section_shape(const struct n2_header *h, int section, uint64_t *rows, uint64_t *stride)
{
    uint64_t vector_bytes = n2_pack_bytes(h->packing, h->dim) + (h->metric == N2_L2 ? 0 : 4);
    const uint64_t shapes[N2_N_SECTIONS][2] = {
        [N2_SECTION_VECTORS] = {h->n_nodes, vector_bytes},
        [N2_SECTION_LABELS] = {h->n_nodes, 4},
        [N2_SECTION_IDS] = {h->n_ids, 8},
        [N2_SECTION_HEIGHTS] = {h->n_nodes, 1},
        [N2_SECTION_LINKS0] = {h->n_rows, 4 * (uint64_t)h->M0},
        [N2_SECTION_TOWERS] = {h->n_rows, 4},
        [N2_SECTION_UPPER] = {h->n_upper, 4 * (uint64_t)h->M},
        [N2_SECTION_MEANS] = {h->n_axes ? h->dim : 0, 4},
        [N2_SECTION_AXES] = {h->n_axes, n2_space_width(h->dim)},
        [N2_SECTION_SCALES] = {h->n_axes, 4},
        [N2_SECTION_CODES] = {h->n_axes ? h->n_rows : 0, n2_code_bytes(h->n_axes, h->short_codes)},
        [N2_SECTION_SKETCHES] = {h->sketched ? h->n_rows : 0,
                                 h->sketched ? n2_sketch_bytes(h->n_axes, h->M0) : 0},
        [N2_SECTION_KEYS] = {h->keys == N2_KEYS_NONE ? 0 : h->n_ids, 8},
        [N2_SECTION_KEY_BYTES] = {h->n_key_bytes, 1},
        [N2_SECTION_KEY_SLOTS] = {h->n_key_slots, 4},
    };
    *rows = shapes[section][0];
    *stride = shapes[section][1];
}

/* Lays the sections out one behind the other, each aligned; returns where the trailer begins. */
static uint64_t lay_out(const struct n2_header *h, struct n2_section sections[N2_N_SECTIONS])
{
    uint64_t offset = N2_SECTION_ALIGN; /* the header has the first unit to itself */
    for (int i = 0; i < N2_N_SECTIONS; i++) {
        uint64_t rows, stride;
        section_shape(h, i, &rows, &stride);
        sections[i] = (struct n2_section){(uint32_t)i + 1, (uint32_t)stride, offset, rows * stride};
        offset = n2_round_up(offset + rows * stride, N2_SECTION_ALIGN);
    }
    return offset;
}

static uint32_t header_crc(const struct n2_header *h)
{
    return n2_crc32c(0, h, offsetof(struct n2_header, crc));
}

void n2_format_header(struct n2_index *index, struct n2_header *h)
{
    const struct n2_graph *graph = &index->graph;
    *h = (struct n2_header){
        .version = N2_FORMAT_VERSION,
        .header_bytes = sizeof(*h),
        .store = index->store.rounding,
        .packing = index->store.storage,
        .dim = (uint32_t)index->store.dim,
        .metric = index->store.metric,
        .selection = index->selection,
        .merging = index->merging,
        .navigation = index->navigation,
        .sketch = index->sketch,
        .sketched = index->space.sketches.base != NULL,
        .M = graph->M,
        .M0 = graph->M0,
        .ef_construction = (uint32_t)index->ef_construction,
        .level_multiplier = index->level_multiplier,
        .seed = index->seed,
        .n_nodes = index->store.n_nodes,
        .n_ids = index->store.n_ids,
        .n_live = index->store.n_live,
        .n_dead = graph->n_dead,
        .n_claimed = graph->n_claimed,
        .keys = index->keys.kind,
        .n_key_bytes = index->keys.n_bytes,
        .n_key_slots = index->keys.n_slots,
        .n_key_used = index->keys.n_used,
        .first_pending = graph->first_pending,
        .n_linked = graph->n_linked,
        .n_gone = graph->n_gone,
        .n_changed = graph->n_changed,
        .n_rows = graph->n_rows,
        .n_upper = graph->n_upper,
        .entry_height = n2_entry_height(graph->entry),
        .entry_node = n2_entry_point(graph->entry),
        .settled = graph->settled,
        .n_axes = (uint32_t)index->space.n_axes,
        .n_trained = index->space.n_trained,
        .short_codes = index->space.short_codes,
        .unit = index->space.unit,
        .shrink = index->space.shrink,
        .scale = index->space.scale,
        .growth = index->space.growth,
        .tuning = index->tuning,
        .n_sections = N2_N_SECTIONS,
    };
    memcpy(h->magic, N2_MAGIC, sizeof(h->magic));
    memcpy(h->n_level, graph->n_level, sizeof(h->n_level));
    h->trailer_offset = lay_out(h, h->sections);
    h->file_bytes = h->trailer_offset + sizeof(struct n2_trailer);
    h->crc = header_crc(h);
}

void n2_format_options(const struct n2_header *h, struct n2_options *options)
{
    *options = (struct n2_options){
        .size = sizeof(*options),
        .metric = h->metric,
        .selection = h->selection,
        .merging = h->merging,
        .navigation = h->navigation,
        .sketch = h->sketch,
        .store = h->store,
        .keys = h->keys,
        .M = (int32_t)h->M,
        .max_m0 = (int32_t)h->M0,
        .ef_construction = (int32_t)h->ef_construction,
        .level_multiplier = h->level_multiplier,
        .seed = h->seed,
    };
}

static bool parameters_hold(const struct n2_header *h)
{
    struct n2_options options;
    n2_format_options(h, &options);
    return h->dim >= 1 && h->dim <= N2_MAX_DIM && n2_index_options_hold(&options) &&
           h->packing >= h->store && h->packing <= N2_STORE_SQ8;
}

static bool counts_hold(const struct n2_header *h)
{
    bool entry_holds = h->entry_height == 0
                           ? h->n_linked == 0
                           : h->entry_height <= N2_MAX_LEVEL + 1 && h->entry_node < h->n_rows;
    uint64_t on_levels = 0;
    for (int l = 0; l <= N2_MAX_LEVEL; l++)
        on_levels += h->n_level[l];
    return entry_holds && h->n_nodes <= N2_MAX_VECTORS && h->n_ids <= N2_MAX_VECTORS &&
           h->n_live <= h->n_ids && h->n_rows <= h->n_nodes && h->first_pending <= h->n_claimed &&
           h->n_claimed <= h->n_nodes && h->n_dead <= h->n_claimed && h->settled <= 1 &&
           (uint64_t)h->n_linked + h->n_gone <= h->n_nodes && on_levels == h->n_linked &&
           h->n_upper <= (uint64_t)N2_MAX_LEVEL * h->n_nodes;
}

/* Whether what is said of keys can be: every id that was not deleted has a slot. */
static bool keys_hold(const struct n2_header *h)
{
    if (h->keys == N2_KEYS_NONE)
        return h->n_key_bytes == 0 && h->n_key_slots == 0 && h->n_key_used == 0;
    return h->n_key_bytes <= (h->keys == N2_KEYS_BYTES ? (uint64_t)N2_MAX_KEY * h->n_ids : 0) &&
           h->n_key_slots <= N2_MAX_KEY_SLOTS && (h->n_key_slots & (h->n_key_slots - 1)) == 0 &&
           h->n_key_used <= n2_keys_most_used(h->n_key_slots) && h->n_live <= h->n_key_used;
}

/* Whether what is said of codes can be. */
static bool space_holds(const struct n2_header *h)
{
    if (!(h->growth >= 0) || !isfinite(h->growth) || h->sketched > (h->n_axes > 0) ||
        h->short_codes > (h->n_axes > 0 && h->metric != N2_DOT))
        return false;
    if (h->n_axes == 0)
        return h->unit == 0 && h->shrink == 0 && h->scale == 0;
    return h->n_axes <= N2_MAX_AXES && h->n_axes <= h->dim && h->n_trained > 0 &&
           isfinite(h->unit) && h->unit > 0 && isfinite(h->shrink) && isfinite(h->scale) &&
           h->scale > 0 && (h->shrink >= 0 || h->metric == N2_DOT);
}

#define MOST_MEASURED 1e12f /* distances; no search takes as many */

static bool tuning_holds(const struct n2_header *h)
{
    const struct n2_tuning *t = &h->tuning;
    float least = h->metric == N2_DOT ? 0 : 1;
    bool holds = isfinite(t->growth) && (t->n_linked == 0 || t->growth >= least);
    for (size_t i = 0; i < N2_TUNE_KS; i++)
        for (size_t j = 0; j < N2_TUNE_STEPS; j++)
            holds = holds && t->recall[i][j] >= 0 && t->recall[i][j] <= 1 &&
                    t->measured[i][j] >= 0 && t->measured[i][j] <= MOST_MEASURED;
    return holds;
}

int n2_format_check(const struct n2_header *h, uint64_t file_bytes)
{
    if (memcmp(h->magic, N2_MAGIC, sizeof(h->magic)) != 0)
        return N2_ERR_FORMAT;
    if (h->version != N2_FORMAT_VERSION)
        return N2_ERR_VERSION;
    if (h->header_bytes != sizeof(*h) || h->crc != header_crc(h))
        return N2_ERR_CORRUPT;
    if (h->must_understand)
        return N2_ERR_VERSION;
    if (!parameters_hold(h) || !counts_hold(h) || !keys_hold(h) || !space_holds(h) ||
        !tuning_holds(h) || h->n_sections != N2_N_SECTIONS)
        return N2_ERR_CORRUPT;
    struct n2_section sections[N2_N_SECTIONS];
    uint64_t trailer_offset = lay_out(h, sections);
    if (memcmp(sections, h->sections, sizeof(sections)) != 0 ||
        h->trailer_offset != trailer_offset ||
        h->file_bytes != trailer_offset + sizeof(struct n2_trailer))
        return N2_ERR_CORRUPT;
    if (file_bytes != h->file_bytes)
        return file_bytes < h->file_bytes ? N2_ERR_TRUNCATED : N2_ERR_CORRUPT;
    return N2_OK;
}

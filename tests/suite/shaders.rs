//! The shaders without a driver: every variant is valid WGSL and translates to what each kind of driver takes, and its
//! bindings, struct layouts and constants are those of the host.

use crate::data::root;
use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ShaderStage, StorageAccess, TypeInner};
use segma::engine::gpu::plan::{Abilities, DeviceLimits, Kernels};
use segma::engine::gpu::shader::{Access, Binding, Kernel, Variant};
use segma::engine::gpu::template::COUNTS;
use segma::engine::gpu::tuned::Choices;
use segma::engine::gpu::tuning::{Shape, candidates};
use segma::engine::gpu::{CONSTANTS, LAYOUTS, SILHOUETTE_LAYOUT};
use segma::engine::width::Width;

/// Every kind of kernel on small, large and very wide shapes, with and without weights and 64-bit integers, as planned for
/// few points and for many, with labels of every width in turn and with settled tiles left out or not; and of every choice that the tuner has for some shapes.
fn variants() -> Vec<Variant> {
    let limits = DeviceLimits::LEAST;
    let mut variants = Vec::new();
    let mut add = |mut kernels: Kernels, k: u32, dims: u32| {
        kernels.widen(Width::ALL[variants.len() % 3]);
        let kinds = [Kernel::Binned(k * dims), Kernel::Direct, Kernel::Update];
        let kinds = kinds.map(|kernel| kernels.variant(kernel, k as usize));
        variants.extend(kinds.iter().filter(|v| v.stage() == "assign").map(|v| Variant { slack: true, ..*v }));
        variants.extend(kinds);
    };
    for (dims, k) in [(1, 1), (2, 3), (16, 8), (33, 20), (64, 256), (65, 5), (4096, 1000)] {
        for traits in 0..16u32 {
            let abilities = Abilities { int64: traits & 1 > 0 };
            let chunk_tiles = if traits & 2 > 0 { 1 << 20 } else { 1 };
            let bits = if traits & 8 > 0 { 40 } else { 20 };
            let shape = Shape { dims, bits, weighted: traits & 4 > 0, chunk_tiles };
            add(Kernels::new(shape, limits, abilities, Choices::default()), k, dims);
        }
    }
    for (dims, k) in [(3, 4), (17, 300)] {
        let shape = Shape { dims, bits: 40, weighted: dims == 3, chunk_tiles: 1 << 16 };
        for tuning in candidates(&shape, k as usize, &limits) {
            add(Kernels::new(shape, limits, Abilities { int64: dims == 17 }, Choices::forced(tuning)), k, dims);
        }
    }
    variants
}

/// And that of the silhouette.
fn all() -> Vec<Variant> {
    [1, 2, 16, 33, 4096].map(Variant::silhouette).into_iter().chain(variants()).collect()
}

fn valid(variant: &Variant) -> (Module, ModuleInfo) {
    let text = variant.text();
    let module =
        naga::front::wgsl::parse_str(&text).unwrap_or_else(|e| panic!("{variant}: {}", e.emit_to_string(&text)));
    let mut able = Capabilities::empty();
    if variant.int64 {
        able |= Capabilities::SHADER_INT64 | Capabilities::SHADER_INT64_ATOMIC_ALL_OPS;
    }
    let info =
        Validator::new(ValidationFlags::all(), able).validate(&module).unwrap_or_else(|e| panic!("{variant}: {e:?}"));
    (module, info)
}

#[test]
fn every_variant_is_valid_and_needs_no_more_than_it_says() {
    for v in all() {
        let (module, _) = valid(&v);
        assert_eq!(module.entry_points[0].stage, ShaderStage::Compute);
        assert_eq!(module.entry_points[0].workgroup_size, [v.lanes(), 1, 1]);
        let text = v.text();
        let unresolved = COUNTS.iter().any(|(_, placeholder)| text.contains(placeholder)) || text.contains("//#");
        assert!(!unresolved, "{v} has an unresolved section");
    }
}

#[test]
fn every_variant_translates_for_vulkan_metal_and_directx() {
    for v in all() {
        let (module, info) = valid(&v);
        let options = spv::Options { lang_version: (1, 3), ..spv::Options::default() };
        spv::write_vec(&module, &info, &options, None).unwrap_or_else(|e| panic!("{v}: {e}"));
        // Metal has no 64-bit atomic addition: there the variant in limbs runs.
        if !v.int64 {
            let metal = msl::Options { fake_missing_bindings: true, lang_version: (2, 4), ..msl::Options::default() };
            msl::write_string(&module, &info, &metal, &msl::PipelineOptions::default())
                .unwrap_or_else(|e| panic!("{v}: {e}"));
        }
        let mut text = String::new();
        let options = hlsl::Options {
            fake_missing_bindings: true,
            shader_model: hlsl::ShaderModel::V6_6,
            // Where the driver's wrapper puts the number of workgroups.
            special_constants_binding: Some(hlsl::BindTarget::default()),
            ..hlsl::Options::default()
        };
        let pipeline = hlsl::PipelineOptions::default();
        hlsl::Writer::new(&mut text, &options, &pipeline)
            .write(&module, &info, None)
            .unwrap_or_else(|e| panic!("{v}: {e}"));
    }
}

#[test]
fn bindings_are_those_the_host_binds() {
    for v in all() {
        let (module, _) = valid(&v);
        let mut found: Vec<(u32, String, Access)> = module
            .global_variables
            .iter()
            .filter_map(|(_, g)| {
                let access = match g.space {
                    AddressSpace::Uniform => Access::Uniform,
                    AddressSpace::Storage { access } if access.contains(StorageAccess::STORE) => Access::Write,
                    AddressSpace::Storage { .. } => Access::Read,
                    _ => return None,
                };
                Some((g.binding.as_ref()?.binding, g.name.clone().unwrap_or_default(), access))
            })
            .collect();
        found.sort();
        let host = v.bindings();
        let host: Vec<_> =
            host.iter().map(|&Binding { number, name, access }| (number, name.to_owned(), access)).collect();
        assert_eq!(found, host, "{v}");
        assert!(host.iter().filter(|(_, _, access)| *access != Access::Uniform).count() <= 8, "{v}");
    }
}

#[test]
fn structs_are_laid_out_as_on_the_host() {
    for v in variants() {
        let (module, _) = valid(&v);
        LAYOUTS.iter().for_each(|(name, bytes, fields)| laid_out(&module, name, *bytes, fields));
    }
    let (name, bytes, fields) = SILHOUETTE_LAYOUT;
    laid_out(&valid(&Variant::silhouette(3)).0, name, bytes, &fields);
}

fn laid_out(module: &Module, name: &str, bytes: u32, fields: &[(&str, u32)]) {
    let (_, found) = module.types.iter().find(|(_, t)| t.name.as_deref() == Some(name)).unwrap();
    let TypeInner::Struct { members, span } = &found.inner else { panic!("{name} is no struct") };
    let layout: Vec<(&str, u32)> = members.iter().map(|m| (m.name.as_deref().unwrap(), m.offset)).collect();
    assert_eq!(layout, fields, "{name}");
    assert_eq!(*span, bytes, "{name}");
}

fn constant(module: &Module, name: &str) -> u32 {
    let (_, constant) = module.constants.iter().find(|(_, c)| c.name.as_deref() == Some(name)).unwrap();
    match module.global_expressions[constant.init] {
        naga::Expression::Literal(naga::Literal::U32(value)) => value,
        _ => panic!("{name} is no u32"),
    }
}

#[test]
fn constants_are_those_of_the_host() {
    for v in variants() {
        let (module, _) = valid(&v);
        for (name, value) in CONSTANTS {
            assert_eq!(constant(&module, name), value, "{name}");
        }
        for (name, value) in
            [("EXTRA", if v.weighted { 2 } else { 1 }), ("LABEL_BITS", v.labels.bits()), ("NO_LABEL", v.labels.none())]
        {
            assert_eq!(constant(&module, name), value, "{v}: {name}");
        }
    }
}

/// What a shader file may ask for.
const FLAGS: [&str; 10] =
    ["SLACK", "INT64", "BINS", "STAGE", "HOLD", "TILED", "CHUNK", "WEIGHTED", "LABELS8", "LABELS16"];

#[test]
fn every_directive_is_known_and_every_section_ends() {
    let mut files = 0;
    for entry in std::fs::read_dir(root().join("shaders")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut open = Vec::new();
        for (line, directive) in (1..).zip(text.lines().map(str::trim)).filter(|(_, l)| l.contains("//#")) {
            let place = format!("{}:{line}: {directive}", path.display());
            match directive.split_once(' ').unwrap_or((directive, "")) {
                ("//#if", flag) => open.push(FLAGS.contains(&flag)),
                ("//#each", what) => open.push(COUNTS.iter().any(|(count, _)| *count == what)),
                ("//#else", "") => assert!(!open.is_empty(), "{place}"),
                ("//#end", "") => assert_eq!(open.pop(), Some(true), "{place}"),
                _ => panic!("{place}"),
            }
            assert!(open.iter().all(|known| *known), "{place}");
        }
        assert!(open.is_empty(), "{}", path.display());
        files += 1;
    }
    assert_eq!(files, 7);
}

#[test]
fn every_stage_has_its_twin_on_the_cpu() {
    for entry in std::fs::read_dir(root().join("shaders")).unwrap() {
        let path = entry.unwrap().path();
        let stage = path.file_stem().unwrap().to_str().unwrap();
        let twin = root().join(format!("src/engine/cpu/{stage}.rs"));
        assert!(stage == "common" || twin.is_file(), "{} has no twin {}", path.display(), twin.display());
    }
}

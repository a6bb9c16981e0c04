//! The shaders without a driver: every variant is valid WGSL and translates to what each kind of driver takes, and its
//! bindings are those the host binds.

use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, StorageAccess};
use segma::engine::gpu::plan::{DeviceLimits, variant};
use segma::engine::gpu::shader::{BINDINGS, Variant};

fn variants() -> Vec<Variant> {
    let limits =
        DeviceLimits { binding_bytes: 1 << 27, buffer_bytes: 1 << 28, workgroup_bytes: 16_384, groups: 65_535 };
    let shapes = [(1, 1), (2, 3), (16, 8), (33, 20), (64, 256), (129, 5), (4096, 1000)];
    shapes.iter().flat_map(|&(d, k)| [20, 35, 40].map(|bits| variant(d, bits, k, &limits))).collect()
}

fn valid(variant: &Variant) -> (Module, ModuleInfo) {
    let text = variant.text();
    let module =
        naga::front::wgsl::parse_str(&text).unwrap_or_else(|e| panic!("{variant:?}: {}", e.emit_to_string(&text)));
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
    let info = validator.validate(&module).unwrap_or_else(|e| panic!("{variant:?}: {e:?}"));
    (module, info)
}

#[test]
fn every_variant_is_valid_and_needs_no_special_capability() {
    for v in variants() {
        let (module, _) = valid(&v);
        assert_eq!(module.entry_points[0].workgroup_size, [64, 1, 1]);
        assert!(!v.text().contains("{{"), "{v:?} has an unfilled place");
    }
}

#[test]
fn every_variant_translates_for_vulkan_metal_and_directx() {
    for v in variants() {
        let (module, info) = valid(&v);
        spv::write_vec(&module, &info, &spv::Options::default(), None).unwrap();
        let metal = msl::Options { fake_missing_bindings: true, ..msl::Options::default() };
        msl::write_string(&module, &info, &metal, &msl::PipelineOptions::default()).unwrap();
        let mut text = String::new();
        let options = hlsl::Options { fake_missing_bindings: true, ..hlsl::Options::default() };
        let pipeline = hlsl::PipelineOptions::default();
        hlsl::Writer::new(&mut text, &options, &pipeline).write(&module, &info, None).unwrap();
    }
}

#[test]
fn bindings_are_those_the_host_binds() {
    for v in variants() {
        let (module, _) = valid(&v);
        let mut found: Vec<(u32, String, bool)> = module
            .global_variables
            .iter()
            .filter_map(|(_, g)| {
                let AddressSpace::Storage { access } = g.space else { return None };
                let name = g.name.clone().unwrap_or_default();
                Some((g.binding.as_ref()?.binding, name, !access.contains(StorageAccess::STORE)))
            })
            .collect();
        found.sort();
        let host: Vec<(u32, String, bool)> = (0..).zip(BINDINGS).map(|(i, (name, ro))| (i, name.into(), ro)).collect();
        assert_eq!(found, host, "{v:?}");
    }
}

#[test]
fn params_are_laid_out_as_on_the_host() {
    let (module, _) = valid(&variants()[0]);
    let (_, params) = module.types.iter().find(|(_, t)| t.name.as_deref() == Some("Params")).unwrap();
    let naga::TypeInner::Struct { members, span } = &params.inner else { panic!("Params is no struct") };
    let layout: Vec<(&str, u32)> = members.iter().map(|m| (m.name.as_deref().unwrap(), m.offset)).collect();
    assert_eq!(layout, segma::engine::gpu::PARAMS_LAYOUT);
    assert_eq!(*span, 32);
}

// SPDX-License-Identifier: Apache-2.0
import XenABI

extension LayoutCatalogue {
    // MARK: HypercallNumber.swift

    static var hypercallNumberLayouts: [LayoutTable] {
        let t0 = LayoutTable(
            MulticallEntryLayout.self, c: "multicall_entry",
            [
                .init("operation", c: "op", Field<MulticallEntryLayout, UInt64>.operation),
                .init("result", c: "result", Field<MulticallEntryLayout, UInt64>.result),
                .init("arguments", c: "args", Field<MulticallEntryLayout, UInt64>.arguments, count: 6),
            ])
        return [t0]
    }

    static var hypercallNumberConstants: [ConstantTable] {
        let t0 = ConstantTable(
            "HypercallNumber", "UInt32",
            [
                .init("setTrapTable", c: "__HYPERVISOR_set_trap_table", HypercallNumber.setTrapTable),
                .init("mmuUpdate", c: "__HYPERVISOR_mmu_update", HypercallNumber.mmuUpdate),
                .init("setGDT", c: "__HYPERVISOR_set_gdt", HypercallNumber.setGDT),
                .init("stackSwitch", c: "__HYPERVISOR_stack_switch", HypercallNumber.stackSwitch),
                .init("setCallbacks", c: "__HYPERVISOR_set_callbacks", HypercallNumber.setCallbacks),
                .init("fpuTaskSwitch", c: "__HYPERVISOR_fpu_taskswitch", HypercallNumber.fpuTaskSwitch),
                .init(
                    "schedulerCompatible", c: "__HYPERVISOR_sched_op_compat",
                    HypercallNumber.schedulerCompatible),
                .init("platform", c: "__HYPERVISOR_platform_op", HypercallNumber.platform),
                .init("setDebugRegister", c: "__HYPERVISOR_set_debugreg", HypercallNumber.setDebugRegister),
                .init("getDebugRegister", c: "__HYPERVISOR_get_debugreg", HypercallNumber.getDebugRegister),
                .init(
                    "updateDescriptor", c: "__HYPERVISOR_update_descriptor", HypercallNumber.updateDescriptor),
                .init("memory", c: "__HYPERVISOR_memory_op", HypercallNumber.memory),
                .init("multicall", c: "__HYPERVISOR_multicall", HypercallNumber.multicall),
                .init(
                    "updateVAMapping", c: "__HYPERVISOR_update_va_mapping", HypercallNumber.updateVAMapping),
                .init("setTimer", c: "__HYPERVISOR_set_timer_op", HypercallNumber.setTimer),
                .init(
                    "eventChannelCompatible", c: "__HYPERVISOR_event_channel_op_compat",
                    HypercallNumber.eventChannelCompatible),
                .init("version", c: "__HYPERVISOR_xen_version", HypercallNumber.version),
                .init("consoleIO", c: "__HYPERVISOR_console_io", HypercallNumber.consoleIO),
                .init(
                    "physicalDeviceCompatible", c: "__HYPERVISOR_physdev_op_compat",
                    HypercallNumber.physicalDeviceCompatible),
                .init("grantTable", c: "__HYPERVISOR_grant_table_op", HypercallNumber.grantTable),
                .init("vmAssist", c: "__HYPERVISOR_vm_assist", HypercallNumber.vmAssist),
                .init(
                    "updateVAMappingOtherDomain", c: "__HYPERVISOR_update_va_mapping_otherdomain",
                    HypercallNumber.updateVAMappingOtherDomain),
                .init("iret", c: "__HYPERVISOR_iret", HypercallNumber.iret),
                .init("vcpu", c: "__HYPERVISOR_vcpu_op", HypercallNumber.vcpu),
                .init("setSegmentBase", c: "__HYPERVISOR_set_segment_base", HypercallNumber.setSegmentBase),
                .init("mmuExtended", c: "__HYPERVISOR_mmuext_op", HypercallNumber.mmuExtended),
                .init("xsm", c: "__HYPERVISOR_xsm_op", HypercallNumber.xsm),
                .init("nmi", c: "__HYPERVISOR_nmi_op", HypercallNumber.nmi),
                .init("scheduler", c: "__HYPERVISOR_sched_op", HypercallNumber.scheduler),
                .init("callback", c: "__HYPERVISOR_callback_op", HypercallNumber.callback),
                .init("xenoprof", c: "__HYPERVISOR_xenoprof_op", HypercallNumber.xenoprof),
                .init("eventChannel", c: "__HYPERVISOR_event_channel_op", HypercallNumber.eventChannel),
                .init("physicalDevice", c: "__HYPERVISOR_physdev_op", HypercallNumber.physicalDevice),
                .init("hvm", c: "__HYPERVISOR_hvm_op", HypercallNumber.hvm),
                .init("sysctl", c: "__HYPERVISOR_sysctl", HypercallNumber.sysctl),
                .init("domctl", c: "__HYPERVISOR_domctl", HypercallNumber.domctl),
                .init("kexec", c: "__HYPERVISOR_kexec_op", HypercallNumber.kexec),
                .init("tmem", c: "__HYPERVISOR_tmem_op", HypercallNumber.tmem),
                .init("argo", c: "__HYPERVISOR_argo_op", HypercallNumber.argo),
                .init("pmu", c: "__HYPERVISOR_xenpmu_op", HypercallNumber.pmu),
                .init("deviceModel", c: "__HYPERVISOR_dm_op", HypercallNumber.deviceModel),
                .init("hypfs", c: "__HYPERVISOR_hypfs_op", HypercallNumber.hypfs),
                .init("machineCheck", c: "__HYPERVISOR_arch_0", HypercallNumber.machineCheck),
                .init(
                    "pagingDomctlContinuation", c: "__HYPERVISOR_arch_1",
                    HypercallNumber.pagingDomctlContinuation),
            ])
        let t1 = ConstantTable(
            "ConsoleIOOperation", "UInt32",
            [
                .init("write", c: "CONSOLEIO_write", ConsoleIOOperation.write),
                .init("read", c: "CONSOLEIO_read", ConsoleIOOperation.read),
            ])
        let t2 = ConstantTable(
            "VMAssistOperation", "UInt32",
            [
                .init("enable", c: "VMASST_CMD_enable", VMAssistOperation.enable),
                .init("disable", c: "VMASST_CMD_disable", VMAssistOperation.disable),
            ])
        let t3 = ConstantTable(
            "VMAssistType", "UInt32",
            [
                .init(
                    "runstateUpdateFlag", c: "VMASST_TYPE_runstate_update_flag",
                    VMAssistType.runstateUpdateFlag)
            ])
        return [t0, t1, t2, t3]
    }

    // MARK: EventChannelABI.swift

    static var eventChannelLayouts: [LayoutTable] {
        let t0 = LayoutTable(
            EventChannelAllocateUnboundLayout.self, c: "evtchn_alloc_unbound",
            [
                .init("domain", c: "dom", Field<EventChannelAllocateUnboundLayout, UInt16>.domain),
                .init(
                    "remoteDomain", c: "remote_dom",
                    Field<EventChannelAllocateUnboundLayout, UInt16>.remoteDomain),
                .init("port", c: "port", Field<EventChannelAllocateUnboundLayout, UInt32>.port),
            ])
        let t1 = LayoutTable(
            EventChannelBindInterdomainLayout.self, c: "evtchn_bind_interdomain",
            [
                .init(
                    "remoteDomain", c: "remote_dom",
                    Field<EventChannelBindInterdomainLayout, UInt16>.remoteDomain),
                .init(
                    "remotePort", c: "remote_port",
                    Field<EventChannelBindInterdomainLayout, UInt32>.remotePort),
                .init(
                    "localPort", c: "local_port", Field<EventChannelBindInterdomainLayout, UInt32>.localPort),
            ])
        let t2 = LayoutTable(
            EventChannelBindVirtualInterruptLayout.self, c: "evtchn_bind_virq",
            [
                .init(
                    "virtualInterrupt", c: "virq",
                    Field<EventChannelBindVirtualInterruptLayout, UInt32>.virtualInterrupt),
                .init("vcpu", c: "vcpu", Field<EventChannelBindVirtualInterruptLayout, UInt32>.vcpu),
                .init("port", c: "port", Field<EventChannelBindVirtualInterruptLayout, UInt32>.port),
            ])
        let t3 = LayoutTable(
            EventChannelBindPhysicalInterruptLayout.self, c: "evtchn_bind_pirq",
            [
                .init(
                    "physicalInterrupt", c: "pirq",
                    Field<EventChannelBindPhysicalInterruptLayout, UInt32>.physicalInterrupt),
                .init("flags", c: "flags", Field<EventChannelBindPhysicalInterruptLayout, UInt32>.flags),
                .init("port", c: "port", Field<EventChannelBindPhysicalInterruptLayout, UInt32>.port),
            ])
        let t4 = LayoutTable(
            EventChannelBindIPILayout.self, c: "evtchn_bind_ipi",
            [
                .init("vcpu", c: "vcpu", Field<EventChannelBindIPILayout, UInt32>.vcpu),
                .init("port", c: "port", Field<EventChannelBindIPILayout, UInt32>.port),
            ])
        let t5 = LayoutTable(
            EventChannelCloseLayout.self, c: "evtchn_close",
            [
                .init("port", c: "port", Field<EventChannelCloseLayout, UInt32>.port)
            ])
        let t6 = LayoutTable(
            EventChannelSendLayout.self, c: "evtchn_send",
            [
                .init("port", c: "port", Field<EventChannelSendLayout, UInt32>.port)
            ])
        let t7 = LayoutTable(
            EventChannelStatusLayout.self, c: "evtchn_status",
            [
                .init("domain", c: "dom", Field<EventChannelStatusLayout, UInt16>.domain),
                .init("port", c: "port", Field<EventChannelStatusLayout, UInt32>.port),
                .init("status", c: "status", Field<EventChannelStatusLayout, UInt32>.status),
                .init("vcpu", c: "vcpu", Field<EventChannelStatusLayout, UInt32>.vcpu),
                .init(
                    "unboundDomain", c: "u.unbound.dom",
                    Field<EventChannelStatusLayout, UInt16>.unboundDomain, isUnionMember: true),
                .init(
                    "interdomainDomain", c: "u.interdomain.dom",
                    Field<EventChannelStatusLayout, UInt16>.interdomainDomain, isUnionMember: true),
                .init(
                    "interdomainPort", c: "u.interdomain.port",
                    Field<EventChannelStatusLayout, UInt32>.interdomainPort, isUnionMember: true),
                .init(
                    "physicalInterrupt", c: "u.pirq",
                    Field<EventChannelStatusLayout, UInt32>.physicalInterrupt, isUnionMember: true),
                .init(
                    "virtualInterrupt", c: "u.virq", Field<EventChannelStatusLayout, UInt32>.virtualInterrupt,
                    isUnionMember: true),
            ])
        let t8 = LayoutTable(
            EventChannelBindVCPULayout.self, c: "evtchn_bind_vcpu",
            [
                .init("port", c: "port", Field<EventChannelBindVCPULayout, UInt32>.port),
                .init("vcpu", c: "vcpu", Field<EventChannelBindVCPULayout, UInt32>.vcpu),
            ])
        let t9 = LayoutTable(
            EventChannelUnmaskLayout.self, c: "evtchn_unmask",
            [
                .init("port", c: "port", Field<EventChannelUnmaskLayout, UInt32>.port)
            ])
        let t10 = LayoutTable(
            EventChannelResetLayout.self, c: "evtchn_reset",
            [
                .init("domain", c: "dom", Field<EventChannelResetLayout, UInt16>.domain)
            ])
        let t11 = LayoutTable(
            EventChannelInitControlLayout.self, c: "evtchn_init_control",
            [
                .init(
                    "controlFrame", c: "control_gfn",
                    Field<EventChannelInitControlLayout, UInt64>.controlFrame),
                .init("offset", c: "offset", Field<EventChannelInitControlLayout, UInt32>.offset),
                .init("vcpu", c: "vcpu", Field<EventChannelInitControlLayout, UInt32>.vcpu),
                .init("linkBits", c: "link_bits", Field<EventChannelInitControlLayout, UInt8>.linkBits),
            ])
        let t12 = LayoutTable(
            EventChannelExpandArrayLayout.self, c: "evtchn_expand_array",
            [
                .init("arrayFrame", c: "array_gfn", Field<EventChannelExpandArrayLayout, UInt64>.arrayFrame)
            ])
        let t13 = LayoutTable(
            EventChannelSetPriorityLayout.self, c: "evtchn_set_priority",
            [
                .init("port", c: "port", Field<EventChannelSetPriorityLayout, UInt32>.port),
                .init("priority", c: "priority", Field<EventChannelSetPriorityLayout, UInt32>.priority),
            ])
        let t14 = LayoutTable(
            EventFIFOControlBlockLayout.self, c: "evtchn_fifo_control_block",
            [
                .init("ready", c: "ready", Field<EventFIFOControlBlockLayout, UInt32>.ready),
                .init("heads", c: "head", Field<EventFIFOControlBlockLayout, UInt32>.heads, count: 16),
            ])
        return [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14]
    }

    static var eventChannelConstants: [ConstantTable] {
        let t0 = ConstantTable(
            "EventChannelOperation", "UInt32",
            [
                .init(
                    "bindInterdomain", c: "EVTCHNOP_bind_interdomain", EventChannelOperation.bindInterdomain),
                .init(
                    "bindVirtualInterrupt", c: "EVTCHNOP_bind_virq",
                    EventChannelOperation.bindVirtualInterrupt),
                .init(
                    "bindPhysicalInterrupt", c: "EVTCHNOP_bind_pirq",
                    EventChannelOperation.bindPhysicalInterrupt),
                .init("close", c: "EVTCHNOP_close", EventChannelOperation.close),
                .init("send", c: "EVTCHNOP_send", EventChannelOperation.send),
                .init("status", c: "EVTCHNOP_status", EventChannelOperation.status),
                .init("allocateUnbound", c: "EVTCHNOP_alloc_unbound", EventChannelOperation.allocateUnbound),
                .init("bindIPI", c: "EVTCHNOP_bind_ipi", EventChannelOperation.bindIPI),
                .init("bindVCPU", c: "EVTCHNOP_bind_vcpu", EventChannelOperation.bindVCPU),
                .init("unmask", c: "EVTCHNOP_unmask", EventChannelOperation.unmask),
                .init("reset", c: "EVTCHNOP_reset", EventChannelOperation.reset),
                .init("initControl", c: "EVTCHNOP_init_control", EventChannelOperation.initControl),
                .init("expandArray", c: "EVTCHNOP_expand_array", EventChannelOperation.expandArray),
                .init("setPriority", c: "EVTCHNOP_set_priority", EventChannelOperation.setPriority),
            ])
        let t1 = ConstantTable(
            "EventChannelState", "UInt32",
            [
                .init("closed", c: "EVTCHNSTAT_closed", EventChannelState.closed),
                .init("unbound", c: "EVTCHNSTAT_unbound", EventChannelState.unbound),
                .init("interdomain", c: "EVTCHNSTAT_interdomain", EventChannelState.interdomain),
                .init("physicalInterrupt", c: "EVTCHNSTAT_pirq", EventChannelState.physicalInterrupt),
                .init("virtualInterrupt", c: "EVTCHNSTAT_virq", EventChannelState.virtualInterrupt),
                .init("ipi", c: "EVTCHNSTAT_ipi", EventChannelState.ipi),
            ])
        let t2 = ConstantTable(
            "VirtualInterrupt", "UInt32",
            [
                .init("timer", c: "VIRQ_TIMER", VirtualInterrupt.timer),
                .init("debug", c: "VIRQ_DEBUG", VirtualInterrupt.debug),
                .init("console", c: "VIRQ_CONSOLE", VirtualInterrupt.console),
                .init("domainException", c: "VIRQ_DOM_EXC", VirtualInterrupt.domainException),
                .init("traceBuffer", c: "VIRQ_TBUF", VirtualInterrupt.traceBuffer),
                .init("debugger", c: "VIRQ_DEBUGGER", VirtualInterrupt.debugger),
                .init("xenoprof", c: "VIRQ_XENOPROF", VirtualInterrupt.xenoprof),
                .init("consoleRing", c: "VIRQ_CON_RING", VirtualInterrupt.consoleRing),
                .init("physicalCPUState", c: "VIRQ_PCPU_STATE", VirtualInterrupt.physicalCPUState),
                .init("memoryEvent", c: "VIRQ_MEM_EVENT", VirtualInterrupt.memoryEvent),
                .init("argo", c: "VIRQ_ARGO", VirtualInterrupt.argo),
                .init("lowMemory", c: "VIRQ_ENOMEM", VirtualInterrupt.lowMemory),
                .init("pmu", c: "VIRQ_XENPMU", VirtualInterrupt.pmu),
                .init("count", c: "NR_VIRQS", VirtualInterrupt.count),
            ])
        let t3 = ConstantTable(
            "EventChannelLimit", "UInt32",
            [
                .init("twoLevelPorts", c: "EVTCHN_2L_NR_CHANNELS", EventChannelLimit.twoLevelPorts),
                .init("twoLevelPorts32", c: "-", EventChannelLimit.twoLevelPorts32),
                .init("fifoPorts", c: "EVTCHN_FIFO_NR_CHANNELS", EventChannelLimit.fifoPorts),
                .init("fifoPriorities", c: "EVTCHN_FIFO_MAX_QUEUES", EventChannelLimit.fifoPriorities),
                .init(
                    "fifoPriorityDefault", c: "EVTCHN_FIFO_PRIORITY_DEFAULT",
                    EventChannelLimit.fifoPriorityDefault),
                .init(
                    "fifoPriorityLowest", c: "EVTCHN_FIFO_PRIORITY_MIN", EventChannelLimit.fifoPriorityLowest),
                .init("fifoLinkBits", c: "EVTCHN_FIFO_LINK_BITS", EventChannelLimit.fifoLinkBits),
            ])
        let t4 = ConstantTable(
            "EventWordBit", "UInt32",
            [
                .init("pending", c: "EVTCHN_FIFO_PENDING", EventWordBit.pending),
                .init("masked", c: "EVTCHN_FIFO_MASKED", EventWordBit.masked),
                .init("linked", c: "EVTCHN_FIFO_LINKED", EventWordBit.linked),
                .init("busy", c: "EVTCHN_FIFO_BUSY", EventWordBit.busy),
            ])
        return [t0, t1, t2, t3, t4]
    }

    // MARK: GrantTableABI.swift

    static var grantTableLayouts: [LayoutTable] {
        let t0 = LayoutTable(
            GrantEntryV1Layout.self, c: "grant_entry_v1",
            [
                .init("flags", c: "flags", Field<GrantEntryV1Layout, UInt16>.flags),
                .init("domain", c: "domid", Field<GrantEntryV1Layout, UInt16>.domain),
                .init("frame", c: "frame", Field<GrantEntryV1Layout, UInt32>.frame),
            ])
        let t1 = LayoutTable(
            GrantEntryV2Layout.self, c: "union:grant_entry_v2",
            [
                .init("flags", c: "hdr.flags", Field<GrantEntryV2Layout, UInt16>.flags),
                .init("domain", c: "hdr.domid", Field<GrantEntryV2Layout, UInt16>.domain),
                .init(
                    "fullPageFrame", c: "full_page.frame", Field<GrantEntryV2Layout, UInt64>.fullPageFrame,
                    isUnionMember: true),
                .init(
                    "pageOffset", c: "sub_page.page_off", Field<GrantEntryV2Layout, UInt16>.pageOffset,
                    isUnionMember: true),
                .init(
                    "length", c: "sub_page.length", Field<GrantEntryV2Layout, UInt16>.length,
                    isUnionMember: true),
                .init(
                    "transitiveDomain", c: "transitive.trans_domid",
                    Field<GrantEntryV2Layout, UInt16>.transitiveDomain, isUnionMember: true),
                .init(
                    "transitiveReference", c: "transitive.gref",
                    Field<GrantEntryV2Layout, UInt32>.transitiveReference, isUnionMember: true),
            ])
        let t2 = LayoutTable(
            GrantMapLayout.self, c: "gnttab_map_grant_ref",
            [
                .init("hostAddress", c: "host_addr", Field<GrantMapLayout, UInt64>.hostAddress),
                .init("flags", c: "flags", Field<GrantMapLayout, UInt32>.flags),
                .init("reference", c: "ref", Field<GrantMapLayout, UInt32>.reference),
                .init("domain", c: "dom", Field<GrantMapLayout, UInt16>.domain),
                .init("status", c: "status", Field<GrantMapLayout, Int16>.status),
                .init("handle", c: "handle", Field<GrantMapLayout, UInt32>.handle),
                .init("deviceBusAddress", c: "dev_bus_addr", Field<GrantMapLayout, UInt64>.deviceBusAddress),
            ])
        let t3 = LayoutTable(
            GrantUnmapLayout.self, c: "gnttab_unmap_grant_ref",
            [
                .init("hostAddress", c: "host_addr", Field<GrantUnmapLayout, UInt64>.hostAddress),
                .init(
                    "deviceBusAddress", c: "dev_bus_addr", Field<GrantUnmapLayout, UInt64>.deviceBusAddress),
                .init("handle", c: "handle", Field<GrantUnmapLayout, UInt32>.handle),
                .init("status", c: "status", Field<GrantUnmapLayout, Int16>.status),
            ])
        let t4 = LayoutTable(
            GrantSetupTableLayout.self, c: "gnttab_setup_table",
            [
                .init("domain", c: "dom", Field<GrantSetupTableLayout, UInt16>.domain),
                .init("frameCount", c: "nr_frames", Field<GrantSetupTableLayout, UInt32>.frameCount),
                .init("status", c: "status", Field<GrantSetupTableLayout, Int16>.status),
                .init("frameList", c: "frame_list", Field<GrantSetupTableLayout, UInt64>.frameList),
            ])
        let t5 = LayoutTable(
            GrantDumpTableLayout.self, c: "gnttab_dump_table",
            [
                .init("domain", c: "dom", Field<GrantDumpTableLayout, UInt16>.domain),
                .init("status", c: "status", Field<GrantDumpTableLayout, Int16>.status),
            ])
        let t6 = LayoutTable(
            GrantCopyLayout.self, c: "gnttab_copy",
            [
                .init(
                    "sourceReference", c: "source.u.ref", Field<GrantCopyLayout, UInt32>.sourceReference,
                    isUnionMember: true),
                .init(
                    "sourceFrame", c: "source.u.gmfn", Field<GrantCopyLayout, UInt64>.sourceFrame,
                    isUnionMember: true),
                .init("sourceDomain", c: "source.domid", Field<GrantCopyLayout, UInt16>.sourceDomain),
                .init("sourceOffset", c: "source.offset", Field<GrantCopyLayout, UInt16>.sourceOffset),
                .init(
                    "destinationReference", c: "dest.u.ref",
                    Field<GrantCopyLayout, UInt32>.destinationReference, isUnionMember: true),
                .init(
                    "destinationFrame", c: "dest.u.gmfn", Field<GrantCopyLayout, UInt64>.destinationFrame,
                    isUnionMember: true),
                .init("destinationDomain", c: "dest.domid", Field<GrantCopyLayout, UInt16>.destinationDomain),
                .init(
                    "destinationOffset", c: "dest.offset", Field<GrantCopyLayout, UInt16>.destinationOffset),
                .init("length", c: "len", Field<GrantCopyLayout, UInt16>.length),
                .init("flags", c: "flags", Field<GrantCopyLayout, UInt16>.flags),
                .init("status", c: "status", Field<GrantCopyLayout, Int16>.status),
            ])
        let t7 = LayoutTable(
            GrantQuerySizeLayout.self, c: "gnttab_query_size",
            [
                .init("domain", c: "dom", Field<GrantQuerySizeLayout, UInt16>.domain),
                .init("frameCount", c: "nr_frames", Field<GrantQuerySizeLayout, UInt32>.frameCount),
                .init(
                    "maximumFrameCount", c: "max_nr_frames",
                    Field<GrantQuerySizeLayout, UInt32>.maximumFrameCount),
                .init("status", c: "status", Field<GrantQuerySizeLayout, Int16>.status),
            ])
        let t8 = LayoutTable(
            GrantUnmapAndReplaceLayout.self, c: "gnttab_unmap_and_replace",
            [
                .init("hostAddress", c: "host_addr", Field<GrantUnmapAndReplaceLayout, UInt64>.hostAddress),
                .init("newAddress", c: "new_addr", Field<GrantUnmapAndReplaceLayout, UInt64>.newAddress),
                .init("handle", c: "handle", Field<GrantUnmapAndReplaceLayout, UInt32>.handle),
                .init("status", c: "status", Field<GrantUnmapAndReplaceLayout, Int16>.status),
            ])
        let t9 = LayoutTable(
            GrantSetVersionLayout.self, c: "gnttab_set_version",
            [
                .init("version", c: "version", Field<GrantSetVersionLayout, UInt32>.version)
            ])
        let t10 = LayoutTable(
            GrantGetStatusFramesLayout.self, c: "gnttab_get_status_frames",
            [
                .init("frameCount", c: "nr_frames", Field<GrantGetStatusFramesLayout, UInt32>.frameCount),
                .init("domain", c: "dom", Field<GrantGetStatusFramesLayout, UInt16>.domain),
                .init("status", c: "status", Field<GrantGetStatusFramesLayout, Int16>.status),
                .init("frameList", c: "frame_list", Field<GrantGetStatusFramesLayout, UInt64>.frameList),
            ])
        let t11 = LayoutTable(
            GrantGetVersionLayout.self, c: "gnttab_get_version",
            [
                .init("domain", c: "dom", Field<GrantGetVersionLayout, UInt16>.domain),
                .init("version", c: "version", Field<GrantGetVersionLayout, UInt32>.version),
            ])
        let t12 = LayoutTable(
            GrantSwapReferencesLayout.self, c: "gnttab_swap_grant_ref",
            [
                .init("referenceA", c: "ref_a", Field<GrantSwapReferencesLayout, UInt32>.referenceA),
                .init("referenceB", c: "ref_b", Field<GrantSwapReferencesLayout, UInt32>.referenceB),
                .init("status", c: "status", Field<GrantSwapReferencesLayout, Int16>.status),
            ])
        let t13 = LayoutTable(
            GrantCacheFlushLayout.self, c: "gnttab_cache_flush",
            [
                .init(
                    "deviceBusAddress", c: "a.dev_bus_addr",
                    Field<GrantCacheFlushLayout, UInt64>.deviceBusAddress, isUnionMember: true),
                .init(
                    "reference", c: "a.ref", Field<GrantCacheFlushLayout, UInt32>.reference,
                    isUnionMember: true),
                .init("offset", c: "offset", Field<GrantCacheFlushLayout, UInt16>.offset),
                .init("length", c: "length", Field<GrantCacheFlushLayout, UInt16>.length),
                .init("operation", c: "op", Field<GrantCacheFlushLayout, UInt32>.operation),
            ])
        return [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13]
    }

    static var grantTableConstants: [ConstantTable] {
        let t0 = ConstantTable(
            "GrantTableOperation", "UInt32",
            [
                .init(
                    "mapGrantReference", c: "GNTTABOP_map_grant_ref", GrantTableOperation.mapGrantReference),
                .init(
                    "unmapGrantReference", c: "GNTTABOP_unmap_grant_ref",
                    GrantTableOperation.unmapGrantReference),
                .init("setupTable", c: "GNTTABOP_setup_table", GrantTableOperation.setupTable),
                .init("dumpTable", c: "GNTTABOP_dump_table", GrantTableOperation.dumpTable),
                .init("transfer", c: "GNTTABOP_transfer", GrantTableOperation.transfer),
                .init("copy", c: "GNTTABOP_copy", GrantTableOperation.copy),
                .init("querySize", c: "GNTTABOP_query_size", GrantTableOperation.querySize),
                .init(
                    "unmapAndReplace", c: "GNTTABOP_unmap_and_replace", GrantTableOperation.unmapAndReplace),
                .init("setVersion", c: "GNTTABOP_set_version", GrantTableOperation.setVersion),
                .init(
                    "getStatusFrames", c: "GNTTABOP_get_status_frames", GrantTableOperation.getStatusFrames),
                .init("getVersion", c: "GNTTABOP_get_version", GrantTableOperation.getVersion),
                .init(
                    "swapGrantReference", c: "GNTTABOP_swap_grant_ref", GrantTableOperation.swapGrantReference
                ),
                .init("cacheFlush", c: "GNTTABOP_cache_flush", GrantTableOperation.cacheFlush),
            ])
        let t1 = ConstantTable(
            "GrantEntryFlag", "UInt16",
            [
                .init("invalid", c: "GTF_invalid", GrantEntryFlag.invalid),
                .init("permitAccess", c: "GTF_permit_access", GrantEntryFlag.permitAccess),
                .init("acceptTransfer", c: "GTF_accept_transfer", GrantEntryFlag.acceptTransfer),
                .init("transitive", c: "GTF_transitive", GrantEntryFlag.transitive),
                .init("typeMask", c: "GTF_type_mask", GrantEntryFlag.typeMask),
                .init("readOnly", c: "GTF_readonly", GrantEntryFlag.readOnly),
                .init("reading", c: "GTF_reading", GrantEntryFlag.reading),
                .init("writing", c: "GTF_writing", GrantEntryFlag.writing),
                .init("pageWriteThrough", c: "GTF_PWT", GrantEntryFlag.pageWriteThrough),
                .init("pageCacheDisable", c: "GTF_PCD", GrantEntryFlag.pageCacheDisable),
                .init("pageAttributeTable", c: "GTF_PAT", GrantEntryFlag.pageAttributeTable),
                .init("subPage", c: "GTF_sub_page", GrantEntryFlag.subPage),
            ])
        let t2 = ConstantTable(
            "GrantMapFlag", "UInt32",
            [
                .init("deviceMap", c: "GNTMAP_device_map", GrantMapFlag.deviceMap),
                .init("hostMap", c: "GNTMAP_host_map", GrantMapFlag.hostMap),
                .init("readOnly", c: "GNTMAP_readonly", GrantMapFlag.readOnly),
                .init("applicationMap", c: "GNTMAP_application_map", GrantMapFlag.applicationMap),
                .init("containsPTE", c: "GNTMAP_contains_pte", GrantMapFlag.containsPTE),
            ])
        let t3 = ConstantTable(
            "GrantCopyFlag", "UInt16",
            [
                .init("sourceIsReference", c: "GNTCOPY_source_gref", GrantCopyFlag.sourceIsReference),
                .init("destinationIsReference", c: "GNTCOPY_dest_gref", GrantCopyFlag.destinationIsReference),
            ])
        let t4 = ConstantTable(
            "ReservedGrantReference", "UInt32",
            [
                .init("console", c: "GNTTAB_RESERVED_CONSOLE", ReservedGrantReference.console),
                .init("store", c: "GNTTAB_RESERVED_XENSTORE", ReservedGrantReference.store),
                .init("count", c: "GNTTAB_NR_RESERVED_ENTRIES", ReservedGrantReference.count),
            ])
        let t5 = ConstantTable(
            "GrantStatusCode", "Int16",
            [
                .init("okay", c: "GNTST_okay", GrantStatusCode.okay),
                .init("generalError", c: "GNTST_general_error", GrantStatusCode.generalError),
                .init("badDomain", c: "GNTST_bad_domain", GrantStatusCode.badDomain),
                .init("badReference", c: "GNTST_bad_gntref", GrantStatusCode.badReference),
                .init("badHandle", c: "GNTST_bad_handle", GrantStatusCode.badHandle),
                .init("badVirtualAddress", c: "GNTST_bad_virt_addr", GrantStatusCode.badVirtualAddress),
                .init("badDeviceAddress", c: "GNTST_bad_dev_addr", GrantStatusCode.badDeviceAddress),
                .init("noDeviceSpace", c: "GNTST_no_device_space", GrantStatusCode.noDeviceSpace),
                .init("permissionDenied", c: "GNTST_permission_denied", GrantStatusCode.permissionDenied),
                .init("badPage", c: "GNTST_bad_page", GrantStatusCode.badPage),
                .init("badCopyArgument", c: "GNTST_bad_copy_arg", GrantStatusCode.badCopyArgument),
                .init("addressTooBig", c: "GNTST_address_too_big", GrantStatusCode.addressTooBig),
                .init("tryAgain", c: "GNTST_eagain", GrantStatusCode.tryAgain),
                .init("noSpace", c: "GNTST_no_space", GrantStatusCode.noSpace),
            ])
        return [t0, t1, t2, t3, t4, t5]
    }

    // MARK: MemoryABI.swift

    static var memoryLayouts: [LayoutTable] {
        let t0 = LayoutTable(
            MemoryReservationLayout.self, c: "xen_memory_reservation",
            [
                .init("extentStart", c: "extent_start", Field<MemoryReservationLayout, UInt64>.extentStart),
                .init("extentCount", c: "nr_extents", Field<MemoryReservationLayout, UInt64>.extentCount),
                .init("extentOrder", c: "extent_order", Field<MemoryReservationLayout, UInt32>.extentOrder),
                .init("flags", c: "mem_flags", Field<MemoryReservationLayout, UInt32>.flags),
                .init("domain", c: "domid", Field<MemoryReservationLayout, UInt16>.domain),
            ])
        let t1 = LayoutTable(
            MemoryExchangeLayout.self, c: "xen_memory_exchange",
            [
                .init(
                    "inExtentStart", c: "in.extent_start", Field<MemoryExchangeLayout, UInt64>.inExtentStart),
                .init(
                    "outExtentStart", c: "out.extent_start",
                    Field<MemoryExchangeLayout, UInt64>.outExtentStart),
                .init(
                    "exchangedCount", c: "nr_exchanged", Field<MemoryExchangeLayout, UInt64>.exchangedCount),
            ])
        let t2 = LayoutTable(
            MemoryDomainLayout.self, c: "xen_memory_domain",
            [
                .init("domain", c: "domid", Field<MemoryDomainLayout, UInt16>.domain)
            ])
        let t3 = LayoutTable(
            AddToPhysmapLayout.self, c: "xen_add_to_physmap",
            [
                .init("domain", c: "domid", Field<AddToPhysmapLayout, UInt16>.domain),
                .init("size", c: "size", Field<AddToPhysmapLayout, UInt16>.size),
                .init("space", c: "space", Field<AddToPhysmapLayout, UInt32>.space),
                .init("index", c: "idx", Field<AddToPhysmapLayout, UInt64>.index),
                .init("guestFrame", c: "gpfn", Field<AddToPhysmapLayout, UInt64>.guestFrame),
            ])
        let t4 = LayoutTable(
            AddToPhysmapBatchLayout.self, c: "xen_add_to_physmap_batch",
            [
                .init("domain", c: "domid", Field<AddToPhysmapBatchLayout, UInt16>.domain),
                .init("space", c: "space", Field<AddToPhysmapBatchLayout, UInt16>.space),
                .init("size", c: "size", Field<AddToPhysmapBatchLayout, UInt16>.size),
                .init(
                    "foreignDomain", c: "u.foreign_domid",
                    Field<AddToPhysmapBatchLayout, UInt16>.foreignDomain),
                .init("indexes", c: "idxs", Field<AddToPhysmapBatchLayout, UInt64>.indexes),
                .init("guestFrames", c: "gpfns", Field<AddToPhysmapBatchLayout, UInt64>.guestFrames),
                .init("errors", c: "errs", Field<AddToPhysmapBatchLayout, UInt64>.errors),
            ])
        let t5 = LayoutTable(
            RemoveFromPhysmapLayout.self, c: "xen_remove_from_physmap",
            [
                .init("domain", c: "domid", Field<RemoveFromPhysmapLayout, UInt16>.domain),
                .init("guestFrame", c: "gpfn", Field<RemoveFromPhysmapLayout, UInt64>.guestFrame),
            ])
        let t6 = LayoutTable(
            MemoryMapLayout.self, c: "xen_memory_map",
            [
                .init("entryCount", c: "nr_entries", Field<MemoryMapLayout, UInt32>.entryCount),
                .init("buffer", c: "buffer", Field<MemoryMapLayout, UInt64>.buffer),
            ])
        let t7 = LayoutTable(
            ForeignMemoryMapLayout.self, c: "xen_foreign_memory_map",
            [
                .init("domain", c: "domid", Field<ForeignMemoryMapLayout, UInt16>.domain),
                .init("entryCount", c: "map.nr_entries", Field<ForeignMemoryMapLayout, UInt32>.entryCount),
                .init("buffer", c: "map.buffer", Field<ForeignMemoryMapLayout, UInt64>.buffer),
            ])
        let t8 = LayoutTable(
            PoDTargetLayout.self, c: "xen_pod_target",
            [
                .init("targetPages", c: "target_pages", Field<PoDTargetLayout, UInt64>.targetPages),
                .init("totalPages", c: "tot_pages", Field<PoDTargetLayout, UInt64>.totalPages),
                .init("cachePages", c: "pod_cache_pages", Field<PoDTargetLayout, UInt64>.cachePages),
                .init("entries", c: "pod_entries", Field<PoDTargetLayout, UInt64>.entries),
                .init("domain", c: "domid", Field<PoDTargetLayout, UInt16>.domain),
            ])
        let t9 = LayoutTable(
            ReservedDeviceMemoryMapLayout.self, c: "xen_reserved_device_memory_map",
            [
                .init("flags", c: "flags", Field<ReservedDeviceMemoryMapLayout, UInt32>.flags),
                .init("entryCount", c: "nr_entries", Field<ReservedDeviceMemoryMapLayout, UInt32>.entryCount),
                .init("buffer", c: "buffer", Field<ReservedDeviceMemoryMapLayout, UInt64>.buffer),
                .init("segment", c: "dev.pci.seg", Field<ReservedDeviceMemoryMapLayout, UInt16>.segment),
                .init("bus", c: "dev.pci.bus", Field<ReservedDeviceMemoryMapLayout, UInt8>.bus),
                .init(
                    "deviceFunction", c: "dev.pci.devfn",
                    Field<ReservedDeviceMemoryMapLayout, UInt8>.deviceFunction),
            ])
        let t10 = LayoutTable(
            AcquireResourceLayout.self, c: "xen_mem_acquire_resource",
            [
                .init("domain", c: "domid", Field<AcquireResourceLayout, UInt16>.domain),
                .init("type", c: "type", Field<AcquireResourceLayout, UInt16>.type),
                .init("id", c: "id", Field<AcquireResourceLayout, UInt32>.id),
                .init("frameCount", c: "nr_frames", Field<AcquireResourceLayout, UInt32>.frameCount),
                .init("padding", c: "pad", Field<AcquireResourceLayout, UInt32>.padding),
                .init("frame", c: "frame", Field<AcquireResourceLayout, UInt64>.frame),
                .init("frameList", c: "frame_list", Field<AcquireResourceLayout, UInt64>.frameList),
            ])
        let t11 = LayoutTable(
            VNUMATopologyLayout.self, c: "xen_vnuma_topology_info",
            [
                .init("domain", c: "domid", Field<VNUMATopologyLayout, UInt16>.domain),
                .init("padding", c: "pad", Field<VNUMATopologyLayout, UInt16>.padding),
                .init("nodeCount", c: "nr_vnodes", Field<VNUMATopologyLayout, UInt32>.nodeCount),
                .init("vcpuCount", c: "nr_vcpus", Field<VNUMATopologyLayout, UInt32>.vcpuCount),
                .init("rangeCount", c: "nr_vmemranges", Field<VNUMATopologyLayout, UInt32>.rangeCount),
                .init("distance", c: "vdistance.pad", Field<VNUMATopologyLayout, UInt64>.distance),
                .init("vcpuToNode", c: "vcpu_to_vnode.pad", Field<VNUMATopologyLayout, UInt64>.vcpuToNode),
                .init("range", c: "vmemrange.pad", Field<VNUMATopologyLayout, UInt64>.range),
            ])
        let t12 = LayoutTable(
            E820EntryLayout.self, c: "-",
            [
                .init("address", c: "-", Field<E820EntryLayout, UInt64>.address),
                .init("size", c: "-", Field<E820EntryLayout, UInt64>.size),
                .init("type", c: "-", Field<E820EntryLayout, UInt32>.type),
            ])
        return [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12]
    }

    static var memoryConstants: [ConstantTable] {
        let t0 = ConstantTable(
            "MemoryOperation", "UInt32",
            [
                .init(
                    "increaseReservation", c: "XENMEM_increase_reservation",
                    MemoryOperation.increaseReservation),
                .init(
                    "decreaseReservation", c: "XENMEM_decrease_reservation",
                    MemoryOperation.decreaseReservation),
                .init("maximumRAMPage", c: "XENMEM_maximum_ram_page", MemoryOperation.maximumRAMPage),
                .init(
                    "currentReservation", c: "XENMEM_current_reservation", MemoryOperation.currentReservation),
                .init(
                    "maximumReservation", c: "XENMEM_maximum_reservation", MemoryOperation.maximumReservation),
                .init(
                    "machinePhysicalFrameList", c: "XENMEM_machphys_mfn_list",
                    MemoryOperation.machinePhysicalFrameList),
                .init("populatePhysmap", c: "XENMEM_populate_physmap", MemoryOperation.populatePhysmap),
                .init("addToPhysmap", c: "XENMEM_add_to_physmap", MemoryOperation.addToPhysmap),
                .init("memoryMap", c: "XENMEM_memory_map", MemoryOperation.memoryMap),
                .init("machineMemoryMap", c: "XENMEM_machine_memory_map", MemoryOperation.machineMemoryMap),
                .init("exchange", c: "XENMEM_exchange", MemoryOperation.exchange),
                .init(
                    "machinePhysicalMapping", c: "XENMEM_machphys_mapping",
                    MemoryOperation.machinePhysicalMapping),
                .init("setMemoryMap", c: "XENMEM_set_memory_map", MemoryOperation.setMemoryMap),
                .init("maximumGuestFrame", c: "XENMEM_maximum_gpfn", MemoryOperation.maximumGuestFrame),
                .init(
                    "removeFromPhysmap", c: "XENMEM_remove_from_physmap", MemoryOperation.removeFromPhysmap),
                .init("setPoDTarget", c: "XENMEM_set_pod_target", MemoryOperation.setPoDTarget),
                .init("getPoDTarget", c: "XENMEM_get_pod_target", MemoryOperation.getPoDTarget),
                .init(
                    "getSharingFreedPages", c: "XENMEM_get_sharing_freed_pages",
                    MemoryOperation.getSharingFreedPages),
                .init(
                    "getSharingSharedPages", c: "XENMEM_get_sharing_shared_pages",
                    MemoryOperation.getSharingSharedPages),
                .init("paging", c: "XENMEM_paging_op", MemoryOperation.paging),
                .init("access", c: "XENMEM_access_op", MemoryOperation.access),
                .init("sharing", c: "XENMEM_sharing_op", MemoryOperation.sharing),
                .init(
                    "addToPhysmapBatch", c: "XENMEM_add_to_physmap_batch", MemoryOperation.addToPhysmapBatch),
                .init("claimPages", c: "XENMEM_claim_pages", MemoryOperation.claimPages),
                .init(
                    "machinePhysicalCompatibleFrameList", c: "XENMEM_machphys_compat_mfn_list",
                    MemoryOperation.machinePhysicalCompatibleFrameList),
                .init("getVNUMAInfo", c: "XENMEM_get_vnumainfo", MemoryOperation.getVNUMAInfo),
                .init(
                    "reservedDeviceMemoryMap", c: "XENMEM_reserved_device_memory_map",
                    MemoryOperation.reservedDeviceMemoryMap),
                .init("acquireResource", c: "XENMEM_acquire_resource", MemoryOperation.acquireResource),
            ])
        let t1 = ConstantTable(
            "PhysmapSpace", "UInt32",
            [
                .init("sharedInfo", c: "XENMAPSPACE_shared_info", PhysmapSpace.sharedInfo),
                .init("grantTable", c: "XENMAPSPACE_grant_table", PhysmapSpace.grantTable),
                .init("guestFrame", c: "XENMAPSPACE_gmfn", PhysmapSpace.guestFrame),
                .init("guestFrameRange", c: "XENMAPSPACE_gmfn_range", PhysmapSpace.guestFrameRange),
                .init("foreignGuestFrame", c: "XENMAPSPACE_gmfn_foreign", PhysmapSpace.foreignGuestFrame),
                .init("deviceMMIO", c: "XENMAPSPACE_dev_mmio", PhysmapSpace.deviceMMIO),
            ])
        let t2 = ConstantTable(
            "GrantTableMapIndex", "UInt64",
            [
                .init("statusFrame", c: "XENMAPIDX_grant_table_status", GrantTableMapIndex.statusFrame)
            ])
        let t3 = ConstantTable(
            "MemoryFlag", "UInt32",
            [
                .init("populateOnDemand", c: "XENMEMF_populate_on_demand", MemoryFlag.populateOnDemand),
                .init("exactNode", c: "XENMEMF_exact_node_request", MemoryFlag.exactNode),
                .init("virtualNode", c: "XENMEMF_vnode", MemoryFlag.virtualNode),
            ])
        let t4 = ConstantTable(
            "ResourceType", "UInt16",
            [
                .init("ioreqServer", c: "XENMEM_resource_ioreq_server", ResourceType.ioreqServer),
                .init("grantTable", c: "XENMEM_resource_grant_table", ResourceType.grantTable),
                .init("vmtraceBuffer", c: "XENMEM_resource_vmtrace_buf", ResourceType.vmtraceBuffer),
            ])
        let t5 = ConstantTable(
            "GrantTableResource", "UInt32",
            [
                .init("shared", c: "XENMEM_resource_grant_table_id_shared", GrantTableResource.shared),
                .init("status", c: "XENMEM_resource_grant_table_id_status", GrantTableResource.status),
            ])
        let t6 = ConstantTable(
            "E820Type", "UInt32",
            [
                .init("ram", c: "XEN_HVM_MEMMAP_TYPE_RAM", E820Type.ram),
                .init("reserved", c: "XEN_HVM_MEMMAP_TYPE_RESERVED", E820Type.reserved),
                .init("acpi", c: "XEN_HVM_MEMMAP_TYPE_ACPI", E820Type.acpi),
                .init("nvs", c: "XEN_HVM_MEMMAP_TYPE_NVS", E820Type.nvs),
                .init("unusable", c: "XEN_HVM_MEMMAP_TYPE_UNUSABLE", E820Type.unusable),
                .init("disabled", c: "XEN_HVM_MEMMAP_TYPE_DISABLED", E820Type.disabled),
                .init("persistent", c: "XEN_HVM_MEMMAP_TYPE_PMEM", E820Type.persistent),
            ])
        return [t0, t1, t2, t3, t4, t5, t6]
    }

    // MARK: SchedulerABI.swift

    static var schedulerLayouts: [LayoutTable] {
        let t0 = LayoutTable(
            SchedulerShutdownLayout.self, c: "sched_shutdown",
            [
                .init("reason", c: "reason", Field<SchedulerShutdownLayout, UInt32>.reason)
            ])
        let t1 = LayoutTable(
            SchedulerPollLayout.self, c: "sched_poll",
            [
                .init("ports", c: "ports", Field<SchedulerPollLayout, UInt64>.ports),
                .init("portCount", c: "nr_ports", Field<SchedulerPollLayout, UInt32>.portCount),
                .init("timeout", c: "timeout", Field<SchedulerPollLayout, UInt64>.timeout),
            ])
        let t2 = LayoutTable(
            SchedulerRemoteShutdownLayout.self, c: "sched_remote_shutdown",
            [
                .init("domain", c: "domain_id", Field<SchedulerRemoteShutdownLayout, UInt16>.domain),
                .init("reason", c: "reason", Field<SchedulerRemoteShutdownLayout, UInt32>.reason),
            ])
        let t3 = LayoutTable(
            SchedulerWatchdogLayout.self, c: "sched_watchdog",
            [
                .init("id", c: "id", Field<SchedulerWatchdogLayout, UInt32>.id),
                .init("timeout", c: "timeout", Field<SchedulerWatchdogLayout, UInt32>.timeout),
            ])
        let t4 = LayoutTable(
            SchedulerPinOverrideLayout.self, c: "sched_pin_override",
            [
                .init("physicalCPU", c: "pcpu", Field<SchedulerPinOverrideLayout, Int32>.physicalCPU)
            ])
        let t5 = LayoutTable(
            RunstateInfoLayout.self, c: "vcpu_runstate_info",
            [
                .init("state", c: "state", Field<RunstateInfoLayout, UInt32>.state),
                .init(
                    "stateEntryTime", c: "state_entry_time", Field<RunstateInfoLayout, UInt64>.stateEntryTime),
                .init("times", c: "time", Field<RunstateInfoLayout, UInt64>.times, count: 4),
            ])
        let t6 = LayoutTable(
            RegisterMemoryAreaLayout.self, c: "vcpu_register_runstate_memory_area",
            [
                .init("address", c: "addr.p", Field<RegisterMemoryAreaLayout, UInt64>.address)
            ])
        let t7 = LayoutTable(
            RegisterTimeMemoryAreaLayout.self, c: "vcpu_register_time_memory_area",
            [
                .init("address", c: "addr.p", Field<RegisterTimeMemoryAreaLayout, UInt64>.address)
            ])
        let t8 = LayoutTable(
            SetPeriodicTimerLayout.self, c: "vcpu_set_periodic_timer",
            [
                .init(
                    "periodNanoseconds", c: "period_ns",
                    Field<SetPeriodicTimerLayout, UInt64>.periodNanoseconds)
            ])
        let t9 = LayoutTable(
            SetSingleshotTimerLayout.self, c: "vcpu_set_singleshot_timer",
            [
                .init(
                    "timeoutNanoseconds", c: "timeout_abs_ns",
                    Field<SetSingleshotTimerLayout, UInt64>.timeoutNanoseconds),
                .init("flags", c: "flags", Field<SetSingleshotTimerLayout, UInt32>.flags),
            ])
        let t10 = LayoutTable(
            RegisterVCPUInfoLayout.self, c: "vcpu_register_vcpu_info",
            [
                .init("guestFrame", c: "mfn", Field<RegisterVCPUInfoLayout, UInt64>.guestFrame),
                .init("offset", c: "offset", Field<RegisterVCPUInfoLayout, UInt32>.offset),
                .init("reserved", c: "rsvd", Field<RegisterVCPUInfoLayout, UInt32>.reserved),
            ])
        let t11 = LayoutTable(
            VCPUPhysicalIDLayout.self, c: "vcpu_get_physid",
            [
                .init("physicalID", c: "phys_id", Field<VCPUPhysicalIDLayout, UInt64>.physicalID)
            ])
        let t12 = LayoutTable(
            VCPUContextLayout.self, c: "vcpu_hvm_context",
            [
                .init("mode", c: "mode", Field<VCPUContextLayout, UInt32>.mode),
                .init("padding", c: "pad", Field<VCPUContextLayout, UInt32>.padding),
            ])
        let t13 = LayoutTable(
            VCPUContext32Layout.self, c: "vcpu_hvm_x86_32",
            [
                .init("eax", c: "eax", Field<VCPUContext32Layout, UInt32>.eax),
                .init("ecx", c: "ecx", Field<VCPUContext32Layout, UInt32>.ecx),
                .init("edx", c: "edx", Field<VCPUContext32Layout, UInt32>.edx),
                .init("ebx", c: "ebx", Field<VCPUContext32Layout, UInt32>.ebx),
                .init("esp", c: "esp", Field<VCPUContext32Layout, UInt32>.esp),
                .init("ebp", c: "ebp", Field<VCPUContext32Layout, UInt32>.ebp),
                .init("esi", c: "esi", Field<VCPUContext32Layout, UInt32>.esi),
                .init("edi", c: "edi", Field<VCPUContext32Layout, UInt32>.edi),
                .init("eip", c: "eip", Field<VCPUContext32Layout, UInt32>.eip),
                .init("eflags", c: "eflags", Field<VCPUContext32Layout, UInt32>.eflags),
                .init("cr0", c: "cr0", Field<VCPUContext32Layout, UInt32>.cr0),
                .init("cr3", c: "cr3", Field<VCPUContext32Layout, UInt32>.cr3),
                .init("cr4", c: "cr4", Field<VCPUContext32Layout, UInt32>.cr4),
                .init("padding", c: "pad1", Field<VCPUContext32Layout, UInt32>.padding),
                .init("efer", c: "efer", Field<VCPUContext32Layout, UInt64>.efer),
                .init("csBase", c: "cs_base", Field<VCPUContext32Layout, UInt32>.csBase),
                .init("dsBase", c: "ds_base", Field<VCPUContext32Layout, UInt32>.dsBase),
                .init("ssBase", c: "ss_base", Field<VCPUContext32Layout, UInt32>.ssBase),
                .init("esBase", c: "es_base", Field<VCPUContext32Layout, UInt32>.esBase),
                .init("trBase", c: "tr_base", Field<VCPUContext32Layout, UInt32>.trBase),
                .init("csLimit", c: "cs_limit", Field<VCPUContext32Layout, UInt32>.csLimit),
                .init("dsLimit", c: "ds_limit", Field<VCPUContext32Layout, UInt32>.dsLimit),
                .init("ssLimit", c: "ss_limit", Field<VCPUContext32Layout, UInt32>.ssLimit),
                .init("esLimit", c: "es_limit", Field<VCPUContext32Layout, UInt32>.esLimit),
                .init("trLimit", c: "tr_limit", Field<VCPUContext32Layout, UInt32>.trLimit),
                .init("csAttributes", c: "cs_ar", Field<VCPUContext32Layout, UInt16>.csAttributes),
                .init("dsAttributes", c: "ds_ar", Field<VCPUContext32Layout, UInt16>.dsAttributes),
                .init("ssAttributes", c: "ss_ar", Field<VCPUContext32Layout, UInt16>.ssAttributes),
                .init("esAttributes", c: "es_ar", Field<VCPUContext32Layout, UInt16>.esAttributes),
                .init("trAttributes", c: "tr_ar", Field<VCPUContext32Layout, UInt16>.trAttributes),
                .init("padding2", c: "pad2", Field<VCPUContext32Layout, UInt16>.padding2, count: 3),
            ])
        let t14 = LayoutTable(
            VCPUContext64Layout.self, c: "vcpu_hvm_x86_64",
            [
                .init("rax", c: "rax", Field<VCPUContext64Layout, UInt64>.rax),
                .init("rcx", c: "rcx", Field<VCPUContext64Layout, UInt64>.rcx),
                .init("rdx", c: "rdx", Field<VCPUContext64Layout, UInt64>.rdx),
                .init("rbx", c: "rbx", Field<VCPUContext64Layout, UInt64>.rbx),
                .init("rsp", c: "rsp", Field<VCPUContext64Layout, UInt64>.rsp),
                .init("rbp", c: "rbp", Field<VCPUContext64Layout, UInt64>.rbp),
                .init("rsi", c: "rsi", Field<VCPUContext64Layout, UInt64>.rsi),
                .init("rdi", c: "rdi", Field<VCPUContext64Layout, UInt64>.rdi),
                .init("rip", c: "rip", Field<VCPUContext64Layout, UInt64>.rip),
                .init("rflags", c: "rflags", Field<VCPUContext64Layout, UInt64>.rflags),
                .init("cr0", c: "cr0", Field<VCPUContext64Layout, UInt64>.cr0),
                .init("cr3", c: "cr3", Field<VCPUContext64Layout, UInt64>.cr3),
                .init("cr4", c: "cr4", Field<VCPUContext64Layout, UInt64>.cr4),
                .init("efer", c: "efer", Field<VCPUContext64Layout, UInt64>.efer),
            ])
        return [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14]
    }

    static var schedulerConstants: [ConstantTable] {
        let t0 = ConstantTable(
            "SchedulerOperation", "UInt32",
            [
                .init("yield", c: "SCHEDOP_yield", SchedulerOperation.yield),
                .init("block", c: "SCHEDOP_block", SchedulerOperation.block),
                .init("shutdown", c: "SCHEDOP_shutdown", SchedulerOperation.shutdown),
                .init("poll", c: "SCHEDOP_poll", SchedulerOperation.poll),
                .init("remoteShutdown", c: "SCHEDOP_remote_shutdown", SchedulerOperation.remoteShutdown),
                .init("shutdownCode", c: "SCHEDOP_shutdown_code", SchedulerOperation.shutdownCode),
                .init("watchdog", c: "SCHEDOP_watchdog", SchedulerOperation.watchdog),
                .init("pinOverride", c: "SCHEDOP_pin_override", SchedulerOperation.pinOverride),
            ])
        let t1 = ConstantTable(
            "ShutdownReason", "UInt32",
            [
                .init("powerOff", c: "SHUTDOWN_poweroff", ShutdownReason.powerOff),
                .init("reboot", c: "SHUTDOWN_reboot", ShutdownReason.reboot),
                .init("suspend", c: "SHUTDOWN_suspend", ShutdownReason.suspend),
                .init("crash", c: "SHUTDOWN_crash", ShutdownReason.crash),
                .init("watchdog", c: "SHUTDOWN_watchdog", ShutdownReason.watchdog),
                .init("softReset", c: "SHUTDOWN_soft_reset", ShutdownReason.softReset),
                .init("maximum", c: "SHUTDOWN_MAX", ShutdownReason.maximum),
            ])
        let t2 = ConstantTable(
            "VCPUOperation", "UInt32",
            [
                .init("initialise", c: "VCPUOP_initialise", VCPUOperation.initialise),
                .init("up", c: "VCPUOP_up", VCPUOperation.up),
                .init("down", c: "VCPUOP_down", VCPUOperation.down),
                .init("isUp", c: "VCPUOP_is_up", VCPUOperation.isUp),
                .init("getRunstateInfo", c: "VCPUOP_get_runstate_info", VCPUOperation.getRunstateInfo),
                .init(
                    "registerRunstateMemoryArea", c: "VCPUOP_register_runstate_memory_area",
                    VCPUOperation.registerRunstateMemoryArea),
                .init("setPeriodicTimer", c: "VCPUOP_set_periodic_timer", VCPUOperation.setPeriodicTimer),
                .init("stopPeriodicTimer", c: "VCPUOP_stop_periodic_timer", VCPUOperation.stopPeriodicTimer),
                .init(
                    "setSingleshotTimer", c: "VCPUOP_set_singleshot_timer", VCPUOperation.setSingleshotTimer),
                .init(
                    "stopSingleshotTimer", c: "VCPUOP_stop_singleshot_timer",
                    VCPUOperation.stopSingleshotTimer),
                .init("registerVCPUInfo", c: "VCPUOP_register_vcpu_info", VCPUOperation.registerVCPUInfo),
                .init("sendNMI", c: "VCPUOP_send_nmi", VCPUOperation.sendNMI),
                .init("getPhysicalID", c: "VCPUOP_get_physid", VCPUOperation.getPhysicalID),
                .init(
                    "registerTimeMemoryArea", c: "VCPUOP_register_vcpu_time_memory_area",
                    VCPUOperation.registerTimeMemoryArea),
            ])
        let t3 = ConstantTable(
            "Runstate", "UInt32",
            [
                .init("running", c: "RUNSTATE_running", Runstate.running),
                .init("runnable", c: "RUNSTATE_runnable", Runstate.runnable),
                .init("blocked", c: "RUNSTATE_blocked", Runstate.blocked),
                .init("offline", c: "RUNSTATE_offline", Runstate.offline),
            ])
        let t4 = ConstantTable(
            "RunstateFlag", "UInt64",
            [
                .init("update", c: "XEN_RUNSTATE_UPDATE", RunstateFlag.update)
            ])
        let t5 = ConstantTable(
            "SingleshotTimerFlag", "UInt32",
            [
                .init("future", c: "VCPU_SSHOTTMR_future", SingleshotTimerFlag.future)
            ])
        let t6 = ConstantTable(
            "VCPUContextMode", "UInt32",
            [
                .init("bits32", c: "VCPU_HVM_MODE_32B", VCPUContextMode.bits32),
                .init("bits64", c: "VCPU_HVM_MODE_64B", VCPUContextMode.bits64),
            ])
        return [t0, t1, t2, t3, t4, t5, t6]
    }

    // MARK: SharedInfoABI.swift

    static var sharedInfoLayouts: [LayoutTable] {
        let t0 = LayoutTable(
            VCPUTimeInfoLayout.self, c: "vcpu_time_info",
            [
                .init("version", c: "version", Field<VCPUTimeInfoLayout, UInt32>.version),
                .init("tscTimestamp", c: "tsc_timestamp", Field<VCPUTimeInfoLayout, UInt64>.tscTimestamp),
                .init("systemTime", c: "system_time", Field<VCPUTimeInfoLayout, UInt64>.systemTime),
                .init(
                    "tscToSystemMultiplier", c: "tsc_to_system_mul",
                    Field<VCPUTimeInfoLayout, UInt32>.tscToSystemMultiplier),
                .init("tscShift", c: "tsc_shift", Field<VCPUTimeInfoLayout, Int8>.tscShift),
                .init("flags", c: "flags", Field<VCPUTimeInfoLayout, UInt8>.flags),
            ])
        let t1 = LayoutTable(
            VCPUInfoLayout.self, c: "vcpu_info",
            [
                .init(
                    "upcallPending", c: "evtchn_upcall_pending", Field<VCPUInfoLayout, UInt8>.upcallPending),
                .init("upcallMask", c: "evtchn_upcall_mask", Field<VCPUInfoLayout, UInt8>.upcallMask),
                .init(
                    "pendingSelector", c: "evtchn_pending_sel", Field<VCPUInfoLayout, UInt64>.pendingSelector),
                .init("cr2", c: "arch.cr2", Field<VCPUInfoLayout, UInt64>.cr2),
                .init("timeVersion", c: "time.version", Field<VCPUInfoLayout, UInt32>.timeVersion),
                .init(
                    "timeTSCTimestamp", c: "time.tsc_timestamp",
                    Field<VCPUInfoLayout, UInt64>.timeTSCTimestamp),
                .init("timeSystemTime", c: "time.system_time", Field<VCPUInfoLayout, UInt64>.timeSystemTime),
                .init(
                    "timeTSCToSystemMultiplier", c: "time.tsc_to_system_mul",
                    Field<VCPUInfoLayout, UInt32>.timeTSCToSystemMultiplier),
                .init("timeTSCShift", c: "time.tsc_shift", Field<VCPUInfoLayout, Int8>.timeTSCShift),
                .init("timeFlags", c: "time.flags", Field<VCPUInfoLayout, UInt8>.timeFlags),
            ])
        let t2 = LayoutTable(
            SharedInfoLayout.self, c: "shared_info",
            [
                .init(
                    "eventPending", c: "evtchn_pending", Field<SharedInfoLayout, UInt64>.eventPending,
                    count: 64),
                .init("eventMask", c: "evtchn_mask", Field<SharedInfoLayout, UInt64>.eventMask, count: 64),
                .init("wallclockVersion", c: "wc_version", Field<SharedInfoLayout, UInt32>.wallclockVersion),
                .init("wallclockSeconds", c: "wc_sec", Field<SharedInfoLayout, UInt32>.wallclockSeconds),
                .init(
                    "wallclockNanoseconds", c: "wc_nsec", Field<SharedInfoLayout, UInt32>.wallclockNanoseconds
                ),
                .init(
                    "wallclockSecondsHigh", c: "wc_sec_hi",
                    Field<SharedInfoLayout, UInt32>.wallclockSecondsHigh),
                .init("maximumFrame", c: "arch.max_pfn", Field<SharedInfoLayout, UInt64>.maximumFrame),
                .init("nmiReason", c: "arch.nmi_reason", Field<SharedInfoLayout, UInt64>.nmiReason),
            ])
        let t3 = LayoutTable(
            VCPUInfo32Layout.self, c: "-",
            [
                .init("upcallPending", c: "-", Field<VCPUInfo32Layout, UInt8>.upcallPending),
                .init("upcallMask", c: "-", Field<VCPUInfo32Layout, UInt8>.upcallMask),
                .init("pendingSelector", c: "-", Field<VCPUInfo32Layout, UInt32>.pendingSelector),
                .init("timeVersion", c: "-", Field<VCPUInfo32Layout, UInt32>.timeVersion),
            ])
        let t4 = LayoutTable(
            SharedInfo32Layout.self, c: "-",
            [
                .init("eventPending", c: "-", Field<SharedInfo32Layout, UInt32>.eventPending, count: 32),
                .init("eventMask", c: "-", Field<SharedInfo32Layout, UInt32>.eventMask, count: 32),
                .init("wallclockVersion", c: "-", Field<SharedInfo32Layout, UInt32>.wallclockVersion),
                .init("wallclockSeconds", c: "-", Field<SharedInfo32Layout, UInt32>.wallclockSeconds),
                .init("wallclockNanoseconds", c: "-", Field<SharedInfo32Layout, UInt32>.wallclockNanoseconds),
                .init("nmiReason", c: "-", Field<SharedInfo32Layout, UInt32>.nmiReason),
                .init("wallclockSecondsHigh", c: "-", Field<SharedInfo32Layout, UInt32>.wallclockSecondsHigh),
            ])
        return [t0, t1, t2, t3, t4]
    }

    static var sharedInfoConstants: [ConstantTable] {
        let t0 = ConstantTable(
            "TimeInfoFlag", "UInt8",
            [
                .init("tscStable", c: "XEN_PVCLOCK_TSC_STABLE_BIT", TimeInfoFlag.tscStable),
                .init("guestStopped", c: "XEN_PVCLOCK_GUEST_STOPPED", TimeInfoFlag.guestStopped),
            ])
        let t1 = ConstantTable(
            "SharedInfoLimit", "UInt32",
            [
                .init("legacyVCPUs", c: "XEN_LEGACY_MAX_VCPUS", SharedInfoLimit.legacyVCPUs)
            ])
        return [t0, t1]
    }

    // MARK: VersionABI.swift

    static var versionLayouts: [LayoutTable] {
        let t0 = LayoutTable(
            CompileInfoLayout.self, c: "xen_compile_info",
            [
                .init("compiler", c: "compiler", Field<CompileInfoLayout, UInt8>.compiler, count: 64),
                .init("compileBy", c: "compile_by", Field<CompileInfoLayout, UInt8>.compileBy, count: 16),
                .init(
                    "compileDomain", c: "compile_domain", Field<CompileInfoLayout, UInt8>.compileDomain,
                    count: 32),
                .init(
                    "compileDate", c: "compile_date", Field<CompileInfoLayout, UInt8>.compileDate, count: 32),
            ])
        let t1 = LayoutTable(
            PlatformParametersLayout.self, c: "xen_platform_parameters",
            [
                .init("virtualStart", c: "virt_start", Field<PlatformParametersLayout, UInt64>.virtualStart)
            ])
        let t2 = LayoutTable(
            FeatureInfoLayout.self, c: "xen_feature_info",
            [
                .init("submapIndex", c: "submap_idx", Field<FeatureInfoLayout, UInt32>.submapIndex),
                .init("submap", c: "submap", Field<FeatureInfoLayout, UInt32>.submap),
            ])
        let t3 = LayoutTable(
            BuildIDLayout.self, c: "xen_build_id",
            [
                .init("length", c: "len", Field<BuildIDLayout, UInt32>.length)
            ])
        return [t0, t1, t2, t3]
    }

    static var versionConstants: [ConstantTable] {
        let t0 = ConstantTable(
            "VersionOperation", "UInt32",
            [
                .init("version", c: "XENVER_version", VersionOperation.version),
                .init("extraVersion", c: "XENVER_extraversion", VersionOperation.extraVersion),
                .init("compileInfo", c: "XENVER_compile_info", VersionOperation.compileInfo),
                .init("capabilities", c: "XENVER_capabilities", VersionOperation.capabilities),
                .init("changeset", c: "XENVER_changeset", VersionOperation.changeset),
                .init(
                    "platformParameters", c: "XENVER_platform_parameters", VersionOperation.platformParameters
                ),
                .init("getFeatures", c: "XENVER_get_features", VersionOperation.getFeatures),
                .init("pageSize", c: "XENVER_pagesize", VersionOperation.pageSize),
                .init("guestHandle", c: "XENVER_guest_handle", VersionOperation.guestHandle),
                .init("commandLine", c: "XENVER_commandline", VersionOperation.commandLine),
                .init("buildID", c: "XENVER_build_id", VersionOperation.buildID),
            ])
        let t1 = ConstantTable(
            "VersionTextSize", "Int",
            [
                .init("extraVersion", c: "sizeof(xen_extraversion_t)", VersionTextSize.extraVersion),
                .init("capabilities", c: "sizeof(xen_capabilities_info_t)", VersionTextSize.capabilities),
                .init("changeset", c: "sizeof(xen_changeset_info_t)", VersionTextSize.changeset),
                .init("commandLine", c: "sizeof(xen_commandline_t)", VersionTextSize.commandLine),
                .init("guestHandle", c: "sizeof(xen_domain_handle_t)", VersionTextSize.guestHandle),
            ])
        let t2 = ConstantTable(
            "FeatureBit", "UInt32",
            [
                .init("writablePageTables", c: "XENFEAT_writable_page_tables", FeatureBit.writablePageTables),
                .init(
                    "writableDescriptorTables", c: "XENFEAT_writable_descriptor_tables",
                    FeatureBit.writableDescriptorTables),
                .init(
                    "autoTranslatedPhysmap", c: "XENFEAT_auto_translated_physmap",
                    FeatureBit.autoTranslatedPhysmap),
                .init(
                    "supervisorModeKernel", c: "XENFEAT_supervisor_mode_kernel",
                    FeatureBit.supervisorModeKernel),
                .init(
                    "paePageDirectoryAbove4G", c: "XENFEAT_pae_pgdir_above_4gb",
                    FeatureBit.paePageDirectoryAbove4G),
                .init(
                    "mmuUpdatePreserveAD", c: "XENFEAT_mmu_pt_update_preserve_ad",
                    FeatureBit.mmuUpdatePreserveAD),
                .init("highMemoryAssist", c: "XENFEAT_highmem_assist", FeatureBit.highMemoryAssist),
                .init(
                    "grantMapAvailableBits", c: "XENFEAT_gnttab_map_avail_bits",
                    FeatureBit.grantMapAvailableBits),
                .init("callbackVector", c: "XENFEAT_hvm_callback_vector", FeatureBit.callbackVector),
                .init("safePVClock", c: "XENFEAT_hvm_safe_pvclock", FeatureBit.safePVClock),
                .init("physicalInterrupts", c: "XENFEAT_hvm_pirqs", FeatureBit.physicalInterrupts),
                .init("domain0", c: "XENFEAT_dom0", FeatureBit.domain0),
                .init(
                    "memoryOperationVNode", c: "XENFEAT_memory_op_vnode_supported",
                    FeatureBit.memoryOperationVNode),
                .init("smccc", c: "XENFEAT_ARM_SMCCC_supported", FeatureBit.smccc),
                .init(
                    "linuxRSDPUnrestricted", c: "XENFEAT_linux_rsdp_unrestricted",
                    FeatureBit.linuxRSDPUnrestricted),
                .init("notDirectMapped", c: "XENFEAT_not_direct_mapped", FeatureBit.notDirectMapped),
                .init("directMapped", c: "XENFEAT_direct_mapped", FeatureBit.directMapped),
            ])
        return [t0, t1, t2]
    }

    // MARK: HVMParameterABI.swift

    static var hvmParameterLayouts: [LayoutTable] {
        let t0 = LayoutTable(
            HVMParameterLayout.self, c: "xen_hvm_param",
            [
                .init("domain", c: "domid", Field<HVMParameterLayout, UInt16>.domain),
                .init("index", c: "index", Field<HVMParameterLayout, UInt32>.index),
                .init("value", c: "value", Field<HVMParameterLayout, UInt64>.value),
            ])
        let t1 = LayoutTable(
            HVMUpcallVectorLayout.self, c: "xen_hvm_evtchn_upcall_vector",
            [
                .init("vcpu", c: "vcpu", Field<HVMUpcallVectorLayout, UInt32>.vcpu),
                .init("vector", c: "vector", Field<HVMUpcallVectorLayout, UInt8>.vector),
            ])
        let t2 = LayoutTable(
            HVMMemoryTypeLayout.self, c: "xen_hvm_get_mem_type",
            [
                .init("domain", c: "domid", Field<HVMMemoryTypeLayout, UInt16>.domain),
                .init("memoryType", c: "mem_type", Field<HVMMemoryTypeLayout, UInt16>.memoryType),
                .init("guestFrame", c: "pfn", Field<HVMMemoryTypeLayout, UInt64>.guestFrame),
            ])
        let t3 = LayoutTable(
            HVMPageTableDyingLayout.self, c: "xen_hvm_pagetable_dying",
            [
                .init("domain", c: "domid", Field<HVMPageTableDyingLayout, UInt16>.domain),
                .init("guestPhysical", c: "gpa", Field<HVMPageTableDyingLayout, UInt64>.guestPhysical),
            ])
        let t4 = LayoutTable(
            HVMTimeLayout.self, c: "xen_hvm_get_time",
            [
                .init("now", c: "now", Field<HVMTimeLayout, UInt64>.now)
            ])
        let t5 = LayoutTable(
            HVMTraceLayout.self, c: "xen_hvm_xentrace",
            [
                .init("event", c: "event", Field<HVMTraceLayout, UInt16>.event),
                .init("extraByteCount", c: "extra_bytes", Field<HVMTraceLayout, UInt16>.extraByteCount),
                .init("extra", c: "extra", Field<HVMTraceLayout, UInt8>.extra, count: 28),
            ])
        return [t0, t1, t2, t3, t4, t5]
    }

    static var hvmParameterConstants: [ConstantTable] {
        let t0 = ConstantTable(
            "HVMOperation", "UInt32",
            [
                .init("setParameter", c: "HVMOP_set_param", HVMOperation.setParameter),
                .init("getParameter", c: "HVMOP_get_param", HVMOperation.getParameter),
                .init("flushTLBs", c: "HVMOP_flush_tlbs", HVMOperation.flushTLBs),
                .init("pageTableDying", c: "HVMOP_pagetable_dying", HVMOperation.pageTableDying),
                .init("getTime", c: "HVMOP_get_time", HVMOperation.getTime),
                .init("trace", c: "HVMOP_xentrace", HVMOperation.trace),
                .init("setMemoryAccess", c: "HVMOP_set_mem_access", HVMOperation.setMemoryAccess),
                .init("getMemoryAccess", c: "HVMOP_get_mem_access", HVMOperation.getMemoryAccess),
                .init("getMemoryType", c: "HVMOP_get_mem_type", HVMOperation.getMemoryType),
                .init(
                    "setEventUpcallVector", c: "HVMOP_set_evtchn_upcall_vector",
                    HVMOperation.setEventUpcallVector),
                .init(
                    "guestRequestVMEvent", c: "HVMOP_guest_request_vm_event", HVMOperation.guestRequestVMEvent
                ),
                .init("altp2m", c: "HVMOP_altp2m", HVMOperation.altp2m),
            ])
        let t1 = ConstantTable(
            "HVMMemoryType", "UInt16",
            [
                .init("ramReadWrite", c: "HVMMEM_ram_rw", HVMMemoryType.ramReadWrite),
                .init("ramReadOnly", c: "HVMMEM_ram_ro", HVMMemoryType.ramReadOnly),
                .init("mmio", c: "HVMMEM_mmio_dm", HVMMemoryType.mmio),
            ])
        let t2 = ConstantTable(
            "HVMParameter", "UInt32",
            [
                .init("callbackInterrupt", c: "HVM_PARAM_CALLBACK_IRQ", HVMParameter.callbackInterrupt),
                .init("storeFrame", c: "HVM_PARAM_STORE_PFN", HVMParameter.storeFrame),
                .init("storePort", c: "HVM_PARAM_STORE_EVTCHN", HVMParameter.storePort),
                .init("paeEnabled", c: "HVM_PARAM_PAE_ENABLED", HVMParameter.paeEnabled),
                .init("ioreqFrame", c: "HVM_PARAM_IOREQ_PFN", HVMParameter.ioreqFrame),
                .init("bufferedIOreqFrame", c: "HVM_PARAM_BUFIOREQ_PFN", HVMParameter.bufferedIOreqFrame),
                .init("viridian", c: "HVM_PARAM_VIRIDIAN", HVMParameter.viridian),
                .init("timerMode", c: "HVM_PARAM_TIMER_MODE", HVMParameter.timerMode),
                .init("hpetEnabled", c: "HVM_PARAM_HPET_ENABLED", HVMParameter.hpetEnabled),
                .init("identityPageTable", c: "HVM_PARAM_IDENT_PT", HVMParameter.identityPageTable),
                .init("deviceModelDomain", c: "HVM_PARAM_DM_DOMAIN", HVMParameter.deviceModelDomain),
                .init("acpiSleepState", c: "HVM_PARAM_ACPI_S_STATE", HVMParameter.acpiSleepState),
                .init("vm86TaskState", c: "HVM_PARAM_VM86_TSS", HVMParameter.vm86TaskState),
                .init("vptAlign", c: "HVM_PARAM_VPT_ALIGN", HVMParameter.vptAlign),
                .init("consoleFrame", c: "HVM_PARAM_CONSOLE_PFN", HVMParameter.consoleFrame),
                .init("consolePort", c: "HVM_PARAM_CONSOLE_EVTCHN", HVMParameter.consolePort),
                .init(
                    "acpiIOPortsLocation", c: "HVM_PARAM_ACPI_IOPORTS_LOCATION",
                    HVMParameter.acpiIOPortsLocation),
                .init("nestedHVM", c: "HVM_PARAM_NESTEDHVM", HVMParameter.nestedHVM),
                .init("pagingRingFrame", c: "HVM_PARAM_PAGING_RING_PFN", HVMParameter.pagingRingFrame),
                .init("monitorRingFrame", c: "HVM_PARAM_MONITOR_RING_PFN", HVMParameter.monitorRingFrame),
                .init("sharingRingFrame", c: "HVM_PARAM_SHARING_RING_PFN", HVMParameter.sharingRingFrame),
                .init(
                    "tripleFaultReason", c: "HVM_PARAM_TRIPLE_FAULT_REASON", HVMParameter.tripleFaultReason),
                .init("ioreqServerFrame", c: "HVM_PARAM_IOREQ_SERVER_PFN", HVMParameter.ioreqServerFrame),
                .init(
                    "ioreqServerPageCount", c: "HVM_PARAM_NR_IOREQ_SERVER_PAGES",
                    HVMParameter.ioreqServerPageCount),
                .init(
                    "generationIDAddress", c: "HVM_PARAM_VM_GENERATION_ID_ADDR",
                    HVMParameter.generationIDAddress),
                .init("altp2m", c: "HVM_PARAM_ALTP2M", HVMParameter.altp2m),
                .init("x87FIPWidth", c: "HVM_PARAM_X87_FIP_WIDTH", HVMParameter.x87FIPWidth),
                .init("vm86TaskStateSized", c: "HVM_PARAM_VM86_TSS_SIZED", HVMParameter.vm86TaskStateSized),
                .init("machineCheckCapability", c: "HVM_PARAM_MCA_CAP", HVMParameter.machineCheckCapability),
                .init("count", c: "HVM_NR_PARAMS", HVMParameter.count),
            ])
        let t3 = ConstantTable(
            "HVMCallbackType", "UInt64",
            [
                .init("gsi", c: "HVM_PARAM_CALLBACK_TYPE_GSI", HVMCallbackType.gsi),
                .init("pciInterrupt", c: "HVM_PARAM_CALLBACK_TYPE_PCI_INTX", HVMCallbackType.pciInterrupt),
                .init("vector", c: "HVM_PARAM_CALLBACK_TYPE_VECTOR", HVMCallbackType.vector),
            ])
        return [t0, t1, t2, t3]
    }

    // MARK: StartInfoABI.swift

    static var startInfoLayouts: [LayoutTable] {
        let t0 = LayoutTable(
            StartInfoLayout.self, c: "hvm_start_info",
            [
                .init("magic", c: "magic", Field<StartInfoLayout, UInt32>.magic),
                .init("version", c: "version", Field<StartInfoLayout, UInt32>.version),
                .init("flags", c: "flags", Field<StartInfoLayout, UInt32>.flags),
                .init("moduleCount", c: "nr_modules", Field<StartInfoLayout, UInt32>.moduleCount),
                .init("moduleList", c: "modlist_paddr", Field<StartInfoLayout, UInt64>.moduleList),
                .init("commandLine", c: "cmdline_paddr", Field<StartInfoLayout, UInt64>.commandLine),
                .init("rsdp", c: "rsdp_paddr", Field<StartInfoLayout, UInt64>.rsdp),
                .init("memoryMap", c: "memmap_paddr", Field<StartInfoLayout, UInt64>.memoryMap),
                .init("memoryMapCount", c: "memmap_entries", Field<StartInfoLayout, UInt32>.memoryMapCount),
                .init("reserved", c: "reserved", Field<StartInfoLayout, UInt32>.reserved),
            ])
        let t1 = LayoutTable(
            ModuleListEntryLayout.self, c: "hvm_modlist_entry",
            [
                .init("address", c: "paddr", Field<ModuleListEntryLayout, UInt64>.address),
                .init("size", c: "size", Field<ModuleListEntryLayout, UInt64>.size),
                .init("commandLine", c: "cmdline_paddr", Field<ModuleListEntryLayout, UInt64>.commandLine),
                .init("reserved", c: "reserved", Field<ModuleListEntryLayout, UInt64>.reserved),
            ])
        let t2 = LayoutTable(
            MemoryMapTableEntryLayout.self, c: "hvm_memmap_table_entry",
            [
                .init("address", c: "addr", Field<MemoryMapTableEntryLayout, UInt64>.address),
                .init("size", c: "size", Field<MemoryMapTableEntryLayout, UInt64>.size),
                .init("type", c: "type", Field<MemoryMapTableEntryLayout, UInt32>.type),
                .init("reserved", c: "reserved", Field<MemoryMapTableEntryLayout, UInt32>.reserved),
            ])
        return [t0, t1, t2]
    }

    static var startInfoConstants: [ConstantTable] {
        let t0 = ConstantTable(
            "StartInfoMagic", "UInt32",
            [
                .init("value", c: "XEN_HVM_START_MAGIC_VALUE", StartInfoMagic.value)
            ])
        let t1 = ConstantTable(
            "StartInfoFlag", "UInt32",
            [
                .init("privileged", c: "SIF_PRIVILEGED", StartInfoFlag.privileged),
                .init("initialDomain", c: "SIF_INITDOMAIN", StartInfoFlag.initialDomain),
                .init("multibootModule", c: "SIF_MULTIBOOT_MOD", StartInfoFlag.multibootModule),
                .init("moduleStartFrame", c: "SIF_MOD_START_PFN", StartInfoFlag.moduleStartFrame),
                .init("virtualP2M", c: "SIF_VIRT_P2M_4TOOLS", StartInfoFlag.virtualP2M),
                .init("powerManagementMask", c: "SIF_PM_MASK", StartInfoFlag.powerManagementMask),
            ])
        let t2 = ConstantTable(
            "ELFNoteType", "UInt32",
            [
                .init("info", c: "XEN_ELFNOTE_INFO", ELFNoteType.info),
                .init("entry", c: "XEN_ELFNOTE_ENTRY", ELFNoteType.entry),
                .init("hypercallPage", c: "XEN_ELFNOTE_HYPERCALL_PAGE", ELFNoteType.hypercallPage),
                .init("virtualBase", c: "XEN_ELFNOTE_VIRT_BASE", ELFNoteType.virtualBase),
                .init("physicalOffset", c: "XEN_ELFNOTE_PADDR_OFFSET", ELFNoteType.physicalOffset),
                .init("xenVersion", c: "XEN_ELFNOTE_XEN_VERSION", ELFNoteType.xenVersion),
                .init("guestOS", c: "XEN_ELFNOTE_GUEST_OS", ELFNoteType.guestOS),
                .init("guestVersion", c: "XEN_ELFNOTE_GUEST_VERSION", ELFNoteType.guestVersion),
                .init("loader", c: "XEN_ELFNOTE_LOADER", ELFNoteType.loader),
                .init("paeMode", c: "XEN_ELFNOTE_PAE_MODE", ELFNoteType.paeMode),
                .init("features", c: "XEN_ELFNOTE_FEATURES", ELFNoteType.features),
                .init("bsdSymbolTable", c: "XEN_ELFNOTE_BSD_SYMTAB", ELFNoteType.bsdSymbolTable),
                .init("suspendCancel", c: "XEN_ELFNOTE_SUSPEND_CANCEL", ELFNoteType.suspendCancel),
                .init(
                    "supportedFeatures", c: "XEN_ELFNOTE_SUPPORTED_FEATURES", ELFNoteType.supportedFeatures),
                .init("physicalEntry32", c: "XEN_ELFNOTE_PHYS32_ENTRY", ELFNoteType.physicalEntry32),
            ])
        return [t0, t1, t2]
    }

    // MARK: HVMContextABI.swift

    static var hvmContextLayouts: [LayoutTable] {
        let t0 = LayoutTable(
            HVMSaveDescriptorLayout.self, c: "hvm_save_descriptor",
            [
                .init("typecode", c: "typecode", Field<HVMSaveDescriptorLayout, UInt16>.typecode),
                .init("instance", c: "instance", Field<HVMSaveDescriptorLayout, UInt16>.instance),
                .init("length", c: "length", Field<HVMSaveDescriptorLayout, UInt32>.length),
            ])
        let t1 = LayoutTable(
            HVMSaveHeaderLayout.self, c: "hvm_save_header",
            [
                .init("magic", c: "magic", Field<HVMSaveHeaderLayout, UInt32>.magic),
                .init("version", c: "version", Field<HVMSaveHeaderLayout, UInt32>.version),
                .init("changeset", c: "changeset", Field<HVMSaveHeaderLayout, UInt64>.changeset),
                .init("cpuid", c: "cpuid", Field<HVMSaveHeaderLayout, UInt32>.cpuid),
                .init(
                    "guestTSCKilohertz", c: "gtsc_khz", Field<HVMSaveHeaderLayout, UInt32>.guestTSCKilohertz),
            ])
        let t2 = LayoutTable(
            HVMSaveCPULayout.self, c: "hvm_hw_cpu",
            [
                .init("fpuRegisters", c: "fpu_regs", Field<HVMSaveCPULayout, UInt8>.fpuRegisters, count: 512),
                .init("rax", c: "rax", Field<HVMSaveCPULayout, UInt64>.rax),
                .init("rbx", c: "rbx", Field<HVMSaveCPULayout, UInt64>.rbx),
                .init("rcx", c: "rcx", Field<HVMSaveCPULayout, UInt64>.rcx),
                .init("rdx", c: "rdx", Field<HVMSaveCPULayout, UInt64>.rdx),
                .init("rbp", c: "rbp", Field<HVMSaveCPULayout, UInt64>.rbp),
                .init("rsi", c: "rsi", Field<HVMSaveCPULayout, UInt64>.rsi),
                .init("rdi", c: "rdi", Field<HVMSaveCPULayout, UInt64>.rdi),
                .init("rsp", c: "rsp", Field<HVMSaveCPULayout, UInt64>.rsp),
                .init("r8", c: "r8", Field<HVMSaveCPULayout, UInt64>.r8),
                .init("r9", c: "r9", Field<HVMSaveCPULayout, UInt64>.r9),
                .init("r10", c: "r10", Field<HVMSaveCPULayout, UInt64>.r10),
                .init("r11", c: "r11", Field<HVMSaveCPULayout, UInt64>.r11),
                .init("r12", c: "r12", Field<HVMSaveCPULayout, UInt64>.r12),
                .init("r13", c: "r13", Field<HVMSaveCPULayout, UInt64>.r13),
                .init("r14", c: "r14", Field<HVMSaveCPULayout, UInt64>.r14),
                .init("r15", c: "r15", Field<HVMSaveCPULayout, UInt64>.r15),
                .init("rip", c: "rip", Field<HVMSaveCPULayout, UInt64>.rip),
                .init("rflags", c: "rflags", Field<HVMSaveCPULayout, UInt64>.rflags),
                .init("cr0", c: "cr0", Field<HVMSaveCPULayout, UInt64>.cr0),
                .init("cr2", c: "cr2", Field<HVMSaveCPULayout, UInt64>.cr2),
                .init("cr3", c: "cr3", Field<HVMSaveCPULayout, UInt64>.cr3),
                .init("cr4", c: "cr4", Field<HVMSaveCPULayout, UInt64>.cr4),
                .init("dr0", c: "dr0", Field<HVMSaveCPULayout, UInt64>.dr0),
                .init("dr1", c: "dr1", Field<HVMSaveCPULayout, UInt64>.dr1),
                .init("dr2", c: "dr2", Field<HVMSaveCPULayout, UInt64>.dr2),
                .init("dr3", c: "dr3", Field<HVMSaveCPULayout, UInt64>.dr3),
                .init("dr6", c: "dr6", Field<HVMSaveCPULayout, UInt64>.dr6),
                .init("dr7", c: "dr7", Field<HVMSaveCPULayout, UInt64>.dr7),
                .init("csSelector", c: "cs_sel", Field<HVMSaveCPULayout, UInt32>.csSelector),
                .init("dsSelector", c: "ds_sel", Field<HVMSaveCPULayout, UInt32>.dsSelector),
                .init("esSelector", c: "es_sel", Field<HVMSaveCPULayout, UInt32>.esSelector),
                .init("fsSelector", c: "fs_sel", Field<HVMSaveCPULayout, UInt32>.fsSelector),
                .init("gsSelector", c: "gs_sel", Field<HVMSaveCPULayout, UInt32>.gsSelector),
                .init("ssSelector", c: "ss_sel", Field<HVMSaveCPULayout, UInt32>.ssSelector),
                .init("trSelector", c: "tr_sel", Field<HVMSaveCPULayout, UInt32>.trSelector),
                .init("ldtrSelector", c: "ldtr_sel", Field<HVMSaveCPULayout, UInt32>.ldtrSelector),
                .init("csLimit", c: "cs_limit", Field<HVMSaveCPULayout, UInt32>.csLimit),
                .init("dsLimit", c: "ds_limit", Field<HVMSaveCPULayout, UInt32>.dsLimit),
                .init("esLimit", c: "es_limit", Field<HVMSaveCPULayout, UInt32>.esLimit),
                .init("fsLimit", c: "fs_limit", Field<HVMSaveCPULayout, UInt32>.fsLimit),
                .init("gsLimit", c: "gs_limit", Field<HVMSaveCPULayout, UInt32>.gsLimit),
                .init("ssLimit", c: "ss_limit", Field<HVMSaveCPULayout, UInt32>.ssLimit),
                .init("trLimit", c: "tr_limit", Field<HVMSaveCPULayout, UInt32>.trLimit),
                .init("ldtrLimit", c: "ldtr_limit", Field<HVMSaveCPULayout, UInt32>.ldtrLimit),
                .init("idtrLimit", c: "idtr_limit", Field<HVMSaveCPULayout, UInt32>.idtrLimit),
                .init("gdtrLimit", c: "gdtr_limit", Field<HVMSaveCPULayout, UInt32>.gdtrLimit),
                .init("csBase", c: "cs_base", Field<HVMSaveCPULayout, UInt64>.csBase),
                .init("dsBase", c: "ds_base", Field<HVMSaveCPULayout, UInt64>.dsBase),
                .init("esBase", c: "es_base", Field<HVMSaveCPULayout, UInt64>.esBase),
                .init("fsBase", c: "fs_base", Field<HVMSaveCPULayout, UInt64>.fsBase),
                .init("gsBase", c: "gs_base", Field<HVMSaveCPULayout, UInt64>.gsBase),
                .init("ssBase", c: "ss_base", Field<HVMSaveCPULayout, UInt64>.ssBase),
                .init("trBase", c: "tr_base", Field<HVMSaveCPULayout, UInt64>.trBase),
                .init("ldtrBase", c: "ldtr_base", Field<HVMSaveCPULayout, UInt64>.ldtrBase),
                .init("idtrBase", c: "idtr_base", Field<HVMSaveCPULayout, UInt64>.idtrBase),
                .init("gdtrBase", c: "gdtr_base", Field<HVMSaveCPULayout, UInt64>.gdtrBase),
                .init("csAttributes", c: "cs_arbytes", Field<HVMSaveCPULayout, UInt32>.csAttributes),
                .init("dsAttributes", c: "ds_arbytes", Field<HVMSaveCPULayout, UInt32>.dsAttributes),
                .init("esAttributes", c: "es_arbytes", Field<HVMSaveCPULayout, UInt32>.esAttributes),
                .init("fsAttributes", c: "fs_arbytes", Field<HVMSaveCPULayout, UInt32>.fsAttributes),
                .init("gsAttributes", c: "gs_arbytes", Field<HVMSaveCPULayout, UInt32>.gsAttributes),
                .init("ssAttributes", c: "ss_arbytes", Field<HVMSaveCPULayout, UInt32>.ssAttributes),
                .init("trAttributes", c: "tr_arbytes", Field<HVMSaveCPULayout, UInt32>.trAttributes),
                .init("ldtrAttributes", c: "ldtr_arbytes", Field<HVMSaveCPULayout, UInt32>.ldtrAttributes),
                .init("sysenterCS", c: "sysenter_cs", Field<HVMSaveCPULayout, UInt64>.sysenterCS),
                .init("sysenterESP", c: "sysenter_esp", Field<HVMSaveCPULayout, UInt64>.sysenterESP),
                .init("sysenterEIP", c: "sysenter_eip", Field<HVMSaveCPULayout, UInt64>.sysenterEIP),
                .init("shadowGS", c: "shadow_gs", Field<HVMSaveCPULayout, UInt64>.shadowGS),
                .init("msrFlags", c: "msr_flags", Field<HVMSaveCPULayout, UInt64>.msrFlags),
                .init("lstar", c: "msr_lstar", Field<HVMSaveCPULayout, UInt64>.lstar),
                .init("star", c: "msr_star", Field<HVMSaveCPULayout, UInt64>.star),
                .init("cstar", c: "msr_cstar", Field<HVMSaveCPULayout, UInt64>.cstar),
                .init("syscallMask", c: "msr_syscall_mask", Field<HVMSaveCPULayout, UInt64>.syscallMask),
                .init("efer", c: "msr_efer", Field<HVMSaveCPULayout, UInt64>.efer),
                .init("tscAux", c: "msr_tsc_aux", Field<HVMSaveCPULayout, UInt64>.tscAux),
                .init("tsc", c: "tsc", Field<HVMSaveCPULayout, UInt64>.tsc),
                .init("pendingEvent", c: "pending_event", Field<HVMSaveCPULayout, UInt32>.pendingEvent),
                .init("errorCode", c: "error_code", Field<HVMSaveCPULayout, UInt32>.errorCode),
                .init("flags", c: "flags", Field<HVMSaveCPULayout, UInt32>.flags),
            ])
        let t3 = LayoutTable(
            HVMSaveLAPICLayout.self, c: "hvm_hw_lapic",
            [
                .init("apicBase", c: "apic_base_msr", Field<HVMSaveLAPICLayout, UInt64>.apicBase),
                .init("disabled", c: "disabled", Field<HVMSaveLAPICLayout, UInt32>.disabled),
                .init("timerDivisor", c: "timer_divisor", Field<HVMSaveLAPICLayout, UInt32>.timerDivisor),
                .init("tscDeadline", c: "tdt_msr", Field<HVMSaveLAPICLayout, UInt64>.tscDeadline),
            ])
        let t4 = LayoutTable(
            HVMSaveLAPICRegistersLayout.self, c: "hvm_hw_lapic_regs",
            [
                .init("data", c: "data", Field<HVMSaveLAPICRegistersLayout, UInt8>.data, count: 1024)
            ])
        let t5 = LayoutTable(
            HVMSavePCIInterruptLayout.self, c: "hvm_hw_pci_irqs",
            [
                .init("levels", c: "pad", Field<HVMSavePCIInterruptLayout, UInt64>.levels, count: 2)
            ])
        let t6 = LayoutTable(
            HVMSaveISAInterruptLayout.self, c: "hvm_hw_isa_irqs",
            [
                .init("levels", c: "pad", Field<HVMSaveISAInterruptLayout, UInt64>.levels)
            ])
        let t7 = LayoutTable(
            HVMSavePCILinkLayout.self, c: "hvm_hw_pci_link",
            [
                .init("routes", c: "route", Field<HVMSavePCILinkLayout, UInt8>.routes, count: 4)
            ])
        let t8 = LayoutTable(
            HVMSaveMTRRLayout.self, c: "hvm_hw_mtrr",
            [
                .init("pat", c: "msr_pat_cr", Field<HVMSaveMTRRLayout, UInt64>.pat),
                .init("variable", c: "msr_mtrr_var", Field<HVMSaveMTRRLayout, UInt64>.variable, count: 16),
                .init("fixed", c: "msr_mtrr_fixed", Field<HVMSaveMTRRLayout, UInt64>.fixed, count: 11),
                .init("capability", c: "msr_mtrr_cap", Field<HVMSaveMTRRLayout, UInt64>.capability),
                .init("defaultType", c: "msr_mtrr_def_type", Field<HVMSaveMTRRLayout, UInt64>.defaultType),
            ])
        let t9 = LayoutTable(
            HVMSaveXSAVELayout.self, c: "hvm_hw_cpu_xsave",
            [
                .init("featureMask", c: "xfeature_mask", Field<HVMSaveXSAVELayout, UInt64>.featureMask),
                .init("xcr0", c: "xcr0", Field<HVMSaveXSAVELayout, UInt64>.xcr0),
                .init("xcr0Accumulated", c: "xcr0_accum", Field<HVMSaveXSAVELayout, UInt64>.xcr0Accumulated),
                .init("area", c: "save_area.fpu_sse.x", Field<HVMSaveXSAVELayout, UInt8>.area, count: 512),
                .init(
                    "xstateBV", c: "save_area.xsave_hdr.xstate_bv", Field<HVMSaveXSAVELayout, UInt64>.xstateBV
                ),
                .init(
                    "xcompBV", c: "save_area.xsave_hdr.xcomp_bv", Field<HVMSaveXSAVELayout, UInt64>.xcompBV),
            ])
        let t10 = LayoutTable(
            HVMSaveMachineCheckLayout.self, c: "hvm_vmce_vcpu",
            [
                .init("capability", c: "caps", Field<HVMSaveMachineCheckLayout, UInt64>.capability),
                .init(
                    "bank0Control2", c: "mci_ctl2_bank0",
                    Field<HVMSaveMachineCheckLayout, UInt64>.bank0Control2),
                .init(
                    "bank1Control2", c: "mci_ctl2_bank1",
                    Field<HVMSaveMachineCheckLayout, UInt64>.bank1Control2),
                .init(
                    "extendedControl", c: "mcg_ext_ctl",
                    Field<HVMSaveMachineCheckLayout, UInt64>.extendedControl),
            ])
        let t11 = LayoutTable(
            HVMSaveTSCAdjustLayout.self, c: "hvm_tsc_adjust",
            [
                .init("tscAdjust", c: "tsc_adjust", Field<HVMSaveTSCAdjustLayout, UInt64>.tscAdjust)
            ])
        let t12 = LayoutTable(
            HVMSaveMSRLayout.self, c: "hvm_msr",
            [
                .init("count", c: "count", Field<HVMSaveMSRLayout, UInt32>.count)
            ])
        let t13 = LayoutTable(
            HVMSaveMSREntryLayout.self, c: "hvm_one_msr",
            [
                .init("index", c: "index", Field<HVMSaveMSREntryLayout, UInt32>.index),
                .init("reserved", c: "_rsvd", Field<HVMSaveMSREntryLayout, UInt32>.reserved),
                .init("value", c: "val", Field<HVMSaveMSREntryLayout, UInt64>.value),
            ])
        return [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13]
    }

    static var hvmContextConstants: [ConstantTable] {
        let t0 = ConstantTable(
            "HVMSaveRecord", "UInt16",
            [
                .init("end", c: "HVM_SAVE_CODE(END)", HVMSaveRecord.end),
                .init("header", c: "HVM_SAVE_CODE(HEADER)", HVMSaveRecord.header),
                .init("cpu", c: "HVM_SAVE_CODE(CPU)", HVMSaveRecord.cpu),
                .init("pic", c: "HVM_SAVE_CODE(PIC)", HVMSaveRecord.pic),
                .init("ioapic", c: "HVM_SAVE_CODE(IOAPIC)", HVMSaveRecord.ioapic),
                .init("lapic", c: "HVM_SAVE_CODE(LAPIC)", HVMSaveRecord.lapic),
                .init("lapicRegisters", c: "HVM_SAVE_CODE(LAPIC_REGS)", HVMSaveRecord.lapicRegisters),
                .init("pciInterrupt", c: "HVM_SAVE_CODE(PCI_IRQ)", HVMSaveRecord.pciInterrupt),
                .init("isaInterrupt", c: "HVM_SAVE_CODE(ISA_IRQ)", HVMSaveRecord.isaInterrupt),
                .init("pciLink", c: "HVM_SAVE_CODE(PCI_LINK)", HVMSaveRecord.pciLink),
                .init("pit", c: "HVM_SAVE_CODE(PIT)", HVMSaveRecord.pit),
                .init("rtc", c: "HVM_SAVE_CODE(RTC)", HVMSaveRecord.rtc),
                .init("hpet", c: "HVM_SAVE_CODE(HPET)", HVMSaveRecord.hpet),
                .init("pmTimer", c: "HVM_SAVE_CODE(PMTIMER)", HVMSaveRecord.pmTimer),
                .init("mtrr", c: "HVM_SAVE_CODE(MTRR)", HVMSaveRecord.mtrr),
                .init("viridianDomain", c: "HVM_SAVE_CODE(VIRIDIAN_DOMAIN)", HVMSaveRecord.viridianDomain),
                .init("cpuXSAVE", c: "CPU_XSAVE_CODE", HVMSaveRecord.cpuXSAVE),
                .init("viridianVCPU", c: "HVM_SAVE_CODE(VIRIDIAN_VCPU)", HVMSaveRecord.viridianVCPU),
                .init("machineCheckVCPU", c: "HVM_SAVE_CODE(VMCE_VCPU)", HVMSaveRecord.machineCheckVCPU),
                .init("tscAdjust", c: "HVM_SAVE_CODE(TSC_ADJUST)", HVMSaveRecord.tscAdjust),
                .init("cpuMSR", c: "CPU_MSR_CODE", HVMSaveRecord.cpuMSR),
            ])
        let t1 = ConstantTable(
            "HVMSaveMagic", "UInt32",
            [
                .init("value", c: "HVM_FILE_MAGIC", HVMSaveMagic.value),
                .init("version", c: "HVM_FILE_VERSION", HVMSaveMagic.version),
            ])
        let t2 = ConstantTable(
            "HVMSaveCPUFlag", "UInt32",
            [
                .init("fpuInitialised", c: "XEN_X86_FPU_INITIALISED", HVMSaveCPUFlag.fpuInitialised)
            ])
        return [t0, t1, t2]
    }

    // MARK: DomctlABI.swift

    static var domctlLayouts: [LayoutTable] {
        let t0 = LayoutTable(
            DomctlLayout.self, c: "xen_domctl",
            [
                .init("command", c: "cmd", Field<DomctlLayout, UInt32>.command),
                .init(
                    "interfaceVersion", c: "interface_version", Field<DomctlLayout, UInt32>.interfaceVersion),
                .init("domain", c: "domain", Field<DomctlLayout, UInt16>.domain),
            ])
        let t1 = LayoutTable(
            DomctlCreateDomainLayout.self, c: "xen_domctl_createdomain",
            [
                .init("ssidref", c: "ssidref", Field<DomctlCreateDomainLayout, UInt32>.ssidref),
                .init("handle", c: "handle", Field<DomctlCreateDomainLayout, UInt8>.handle, count: 16),
                .init("flags", c: "flags", Field<DomctlCreateDomainLayout, UInt32>.flags),
                .init("iommuOptions", c: "iommu_opts", Field<DomctlCreateDomainLayout, UInt32>.iommuOptions),
                .init("maximumVCPUs", c: "max_vcpus", Field<DomctlCreateDomainLayout, UInt32>.maximumVCPUs),
                .init(
                    "maximumEventPort", c: "max_evtchn_port",
                    Field<DomctlCreateDomainLayout, UInt32>.maximumEventPort),
                .init(
                    "maximumGrantFrames", c: "max_grant_frames",
                    Field<DomctlCreateDomainLayout, Int32>.maximumGrantFrames),
                .init(
                    "maximumMaptrackFrames", c: "max_maptrack_frames",
                    Field<DomctlCreateDomainLayout, Int32>.maximumMaptrackFrames),
                .init("grantOptions", c: "grant_opts", Field<DomctlCreateDomainLayout, UInt32>.grantOptions),
                .init("vmtraceSize", c: "vmtrace_size", Field<DomctlCreateDomainLayout, UInt32>.vmtraceSize),
                .init("cpupool", c: "cpupool_id", Field<DomctlCreateDomainLayout, UInt32>.cpupool),
                .init(
                    "emulationFlags", c: "arch.emulation_flags",
                    Field<DomctlCreateDomainLayout, UInt32>.emulationFlags),
                .init("miscFlags", c: "arch.misc_flags", Field<DomctlCreateDomainLayout, UInt32>.miscFlags),
            ])
        let t2 = LayoutTable(
            DomctlDomainInfoLayout.self, c: "xen_domctl_getdomaininfo",
            [
                .init("domain", c: "domain", Field<DomctlDomainInfoLayout, UInt16>.domain),
                .init("flags", c: "flags", Field<DomctlDomainInfoLayout, UInt32>.flags),
                .init("totalPages", c: "tot_pages", Field<DomctlDomainInfoLayout, UInt64>.totalPages),
                .init("maximumPages", c: "max_pages", Field<DomctlDomainInfoLayout, UInt64>.maximumPages),
                .init(
                    "outstandingPages", c: "outstanding_pages",
                    Field<DomctlDomainInfoLayout, UInt64>.outstandingPages),
                .init("sharedPages", c: "shr_pages", Field<DomctlDomainInfoLayout, UInt64>.sharedPages),
                .init("pagedPages", c: "paged_pages", Field<DomctlDomainInfoLayout, UInt64>.pagedPages),
                .init(
                    "sharedInfoFrame", c: "shared_info_frame",
                    Field<DomctlDomainInfoLayout, UInt64>.sharedInfoFrame),
                .init("cpuTime", c: "cpu_time", Field<DomctlDomainInfoLayout, UInt64>.cpuTime),
                .init("onlineVCPUs", c: "nr_online_vcpus", Field<DomctlDomainInfoLayout, UInt32>.onlineVCPUs),
                .init("maximumVCPUID", c: "max_vcpu_id", Field<DomctlDomainInfoLayout, UInt32>.maximumVCPUID),
                .init("ssidref", c: "ssidref", Field<DomctlDomainInfoLayout, UInt32>.ssidref),
                .init("handle", c: "handle", Field<DomctlDomainInfoLayout, UInt8>.handle, count: 16),
                .init("cpupool", c: "cpupool", Field<DomctlDomainInfoLayout, UInt32>.cpupool),
                .init(
                    "guestAddressBits", c: "gpaddr_bits",
                    Field<DomctlDomainInfoLayout, UInt8>.guestAddressBits),
                .init(
                    "emulationFlags", c: "arch_config.emulation_flags",
                    Field<DomctlDomainInfoLayout, UInt32>.emulationFlags),
                .init(
                    "miscFlags", c: "arch_config.misc_flags", Field<DomctlDomainInfoLayout, UInt32>.miscFlags),
            ])
        let t3 = LayoutTable(
            DomctlPageFrameInfo3Layout.self, c: "xen_domctl_getpageframeinfo3",
            [
                .init("count", c: "num", Field<DomctlPageFrameInfo3Layout, UInt64>.count),
                .init("array", c: "array", Field<DomctlPageFrameInfo3Layout, UInt64>.array),
            ])
        let t4 = LayoutTable(
            DomctlNodeAffinityLayout.self, c: "xen_domctl_nodeaffinity",
            [
                .init("bitmap", c: "nodemap.bitmap", Field<DomctlNodeAffinityLayout, UInt64>.bitmap),
                .init("bitCount", c: "nodemap.nr_bits", Field<DomctlNodeAffinityLayout, UInt32>.bitCount),
            ])
        let t5 = LayoutTable(
            DomctlVCPUAffinityLayout.self, c: "xen_domctl_vcpuaffinity",
            [
                .init("vcpu", c: "vcpu", Field<DomctlVCPUAffinityLayout, UInt32>.vcpu),
                .init("flags", c: "flags", Field<DomctlVCPUAffinityLayout, UInt32>.flags),
                .init(
                    "hardBitmap", c: "cpumap_hard.bitmap", Field<DomctlVCPUAffinityLayout, UInt64>.hardBitmap),
                .init(
                    "hardBitCount", c: "cpumap_hard.nr_bits",
                    Field<DomctlVCPUAffinityLayout, UInt32>.hardBitCount),
                .init(
                    "softBitmap", c: "cpumap_soft.bitmap", Field<DomctlVCPUAffinityLayout, UInt64>.softBitmap),
                .init(
                    "softBitCount", c: "cpumap_soft.nr_bits",
                    Field<DomctlVCPUAffinityLayout, UInt32>.softBitCount),
            ])
        let t6 = LayoutTable(
            DomctlShadowLayout.self, c: "xen_domctl_shadow_op",
            [
                .init("operation", c: "op", Field<DomctlShadowLayout, UInt32>.operation),
                .init("mode", c: "mode", Field<DomctlShadowLayout, UInt32>.mode),
                .init("megabytes", c: "mb", Field<DomctlShadowLayout, UInt32>.megabytes),
                .init("dirtyBitmap", c: "dirty_bitmap", Field<DomctlShadowLayout, UInt64>.dirtyBitmap),
                .init("pages", c: "pages", Field<DomctlShadowLayout, UInt64>.pages),
                .init("faultCount", c: "stats.fault_count", Field<DomctlShadowLayout, UInt32>.faultCount),
                .init("dirtyCount", c: "stats.dirty_count", Field<DomctlShadowLayout, UInt32>.dirtyCount),
            ])
        let t7 = LayoutTable(
            DomctlMaximumMemoryLayout.self, c: "xen_domctl_max_mem",
            [
                .init("kibibytes", c: "max_memkb", Field<DomctlMaximumMemoryLayout, UInt64>.kibibytes)
            ])
        let t8 = LayoutTable(
            DomctlVCPUContextLayout.self, c: "xen_domctl_vcpucontext",
            [
                .init("vcpu", c: "vcpu", Field<DomctlVCPUContextLayout, UInt32>.vcpu),
                .init("context", c: "ctxt", Field<DomctlVCPUContextLayout, UInt64>.context),
            ])
        let t9 = LayoutTable(
            VCPUGuestContextLayout.self, c: "vcpu_guest_context",
            [
                .init(
                    "fpuContext", c: "fpu_ctxt.x", Field<VCPUGuestContextLayout, UInt8>.fpuContext, count: 512
                ),
                .init("flags", c: "flags", Field<VCPUGuestContextLayout, UInt64>.flags),
                .init("r15", c: "user_regs.r15", Field<VCPUGuestContextLayout, UInt64>.r15),
                .init("r14", c: "user_regs.r14", Field<VCPUGuestContextLayout, UInt64>.r14),
                .init("r13", c: "user_regs.r13", Field<VCPUGuestContextLayout, UInt64>.r13),
                .init("r12", c: "user_regs.r12", Field<VCPUGuestContextLayout, UInt64>.r12),
                .init("rbp", c: "user_regs.rbp", Field<VCPUGuestContextLayout, UInt64>.rbp),
                .init("rbx", c: "user_regs.rbx", Field<VCPUGuestContextLayout, UInt64>.rbx),
                .init("r11", c: "user_regs.r11", Field<VCPUGuestContextLayout, UInt64>.r11),
                .init("r10", c: "user_regs.r10", Field<VCPUGuestContextLayout, UInt64>.r10),
                .init("r9", c: "user_regs.r9", Field<VCPUGuestContextLayout, UInt64>.r9),
                .init("r8", c: "user_regs.r8", Field<VCPUGuestContextLayout, UInt64>.r8),
                .init("rax", c: "user_regs.rax", Field<VCPUGuestContextLayout, UInt64>.rax),
                .init("rcx", c: "user_regs.rcx", Field<VCPUGuestContextLayout, UInt64>.rcx),
                .init("rdx", c: "user_regs.rdx", Field<VCPUGuestContextLayout, UInt64>.rdx),
                .init("rsi", c: "user_regs.rsi", Field<VCPUGuestContextLayout, UInt64>.rsi),
                .init("rdi", c: "user_regs.rdi", Field<VCPUGuestContextLayout, UInt64>.rdi),
                .init(
                    "errorCode", c: "user_regs.error_code", Field<VCPUGuestContextLayout, UInt32>.errorCode),
                .init(
                    "entryVector", c: "user_regs.entry_vector",
                    Field<VCPUGuestContextLayout, UInt32>.entryVector),
                .init("rip", c: "user_regs.rip", Field<VCPUGuestContextLayout, UInt64>.rip),
                .init("cs", c: "user_regs.cs", Field<VCPUGuestContextLayout, UInt16>.cs),
                .init("rflags", c: "user_regs.rflags", Field<VCPUGuestContextLayout, UInt64>.rflags),
                .init("rsp", c: "user_regs.rsp", Field<VCPUGuestContextLayout, UInt64>.rsp),
                .init("ss", c: "user_regs.ss", Field<VCPUGuestContextLayout, UInt16>.ss),
                .init("es", c: "user_regs.es", Field<VCPUGuestContextLayout, UInt16>.es),
                .init("ds", c: "user_regs.ds", Field<VCPUGuestContextLayout, UInt16>.ds),
                .init("fs", c: "user_regs.fs", Field<VCPUGuestContextLayout, UInt16>.fs),
                .init("gs", c: "user_regs.gs", Field<VCPUGuestContextLayout, UInt16>.gs),
                .init(
                    "controlRegisters", c: "ctrlreg", Field<VCPUGuestContextLayout, UInt64>.controlRegisters,
                    count: 8),
                .init(
                    "debugRegisters", c: "debugreg", Field<VCPUGuestContextLayout, UInt64>.debugRegisters,
                    count: 8),
                .init("fsBase", c: "fs_base", Field<VCPUGuestContextLayout, UInt64>.fsBase),
                .init(
                    "kernelGSBase", c: "gs_base_kernel", Field<VCPUGuestContextLayout, UInt64>.kernelGSBase),
                .init("userGSBase", c: "gs_base_user", Field<VCPUGuestContextLayout, UInt64>.userGSBase),
            ])
        let t10 = LayoutTable(
            DomctlVCPUInfoLayout.self, c: "xen_domctl_getvcpuinfo",
            [
                .init("vcpu", c: "vcpu", Field<DomctlVCPUInfoLayout, UInt32>.vcpu),
                .init("online", c: "online", Field<DomctlVCPUInfoLayout, UInt8>.online),
                .init("blocked", c: "blocked", Field<DomctlVCPUInfoLayout, UInt8>.blocked),
                .init("running", c: "running", Field<DomctlVCPUInfoLayout, UInt8>.running),
                .init("cpuTime", c: "cpu_time", Field<DomctlVCPUInfoLayout, UInt64>.cpuTime),
                .init("cpu", c: "cpu", Field<DomctlVCPUInfoLayout, UInt32>.cpu),
            ])
        let t11 = LayoutTable(
            DomctlMaximumVCPUsLayout.self, c: "xen_domctl_max_vcpus",
            [
                .init("maximum", c: "max", Field<DomctlMaximumVCPUsLayout, UInt32>.maximum)
            ])
        let t12 = LayoutTable(
            DomctlSchedulerLayout.self, c: "xen_domctl_scheduler_op",
            [
                .init("schedulerID", c: "sched_id", Field<DomctlSchedulerLayout, UInt32>.schedulerID),
                .init("command", c: "cmd", Field<DomctlSchedulerLayout, UInt32>.command),
                .init(
                    "creditWeight", c: "u.credit.weight", Field<DomctlSchedulerLayout, UInt16>.creditWeight,
                    isUnionMember: true),
                .init(
                    "creditCap", c: "u.credit.cap", Field<DomctlSchedulerLayout, UInt16>.creditCap,
                    isUnionMember: true),
            ])
        let t13 = LayoutTable(
            DomctlDomainHandleLayout.self, c: "xen_domctl_setdomainhandle",
            [
                .init("handle", c: "handle", Field<DomctlDomainHandleLayout, UInt8>.handle, count: 16)
            ])
        let t14 = LayoutTable(
            DomctlInterruptPermissionLayout.self, c: "xen_domctl_irq_permission",
            [
                .init("interrupt", c: "pirq", Field<DomctlInterruptPermissionLayout, UInt32>.interrupt),
                .init("allow", c: "allow_access", Field<DomctlInterruptPermissionLayout, UInt8>.allow),
            ])
        let t15 = LayoutTable(
            DomctlIOMemoryPermissionLayout.self, c: "xen_domctl_iomem_permission",
            [
                .init("firstFrame", c: "first_mfn", Field<DomctlIOMemoryPermissionLayout, UInt64>.firstFrame),
                .init("frameCount", c: "nr_mfns", Field<DomctlIOMemoryPermissionLayout, UInt64>.frameCount),
                .init("allow", c: "allow_access", Field<DomctlIOMemoryPermissionLayout, UInt8>.allow),
            ])
        let t16 = LayoutTable(
            DomctlIOPortPermissionLayout.self, c: "xen_domctl_ioport_permission",
            [
                .init("firstPort", c: "first_port", Field<DomctlIOPortPermissionLayout, UInt32>.firstPort),
                .init("portCount", c: "nr_ports", Field<DomctlIOPortPermissionLayout, UInt32>.portCount),
                .init("allow", c: "allow_access", Field<DomctlIOPortPermissionLayout, UInt8>.allow),
            ])
        let t17 = LayoutTable(
            DomctlHypercallInitLayout.self, c: "xen_domctl_hypercall_init",
            [
                .init("guestFrame", c: "gmfn", Field<DomctlHypercallInitLayout, UInt64>.guestFrame)
            ])
        let t18 = LayoutTable(
            DomctlTimeOffsetLayout.self, c: "xen_domctl_settimeoffset",
            [
                .init("seconds", c: "time_offset_seconds", Field<DomctlTimeOffsetLayout, Int64>.seconds)
            ])
        let t19 = LayoutTable(
            DomctlHVMContextLayout.self, c: "xen_domctl_hvmcontext",
            [
                .init("size", c: "size", Field<DomctlHVMContextLayout, UInt32>.size),
                .init("buffer", c: "buffer", Field<DomctlHVMContextLayout, UInt64>.buffer),
            ])
        let t20 = LayoutTable(
            DomctlHVMContextPartialLayout.self, c: "xen_domctl_hvmcontext_partial",
            [
                .init("type", c: "type", Field<DomctlHVMContextPartialLayout, UInt32>.type),
                .init("instance", c: "instance", Field<DomctlHVMContextPartialLayout, UInt32>.instance),
                .init("bufferSize", c: "bufsz", Field<DomctlHVMContextPartialLayout, UInt64>.bufferSize),
                .init("buffer", c: "buffer", Field<DomctlHVMContextPartialLayout, UInt64>.buffer),
            ])
        let t21 = LayoutTable(
            DomctlAddressSizeLayout.self, c: "xen_domctl_address_size",
            [
                .init("size", c: "size", Field<DomctlAddressSizeLayout, UInt32>.size)
            ])
        let t22 = LayoutTable(
            DomctlSendTriggerLayout.self, c: "xen_domctl_sendtrigger",
            [
                .init("trigger", c: "trigger", Field<DomctlSendTriggerLayout, UInt32>.trigger),
                .init("vcpu", c: "vcpu", Field<DomctlSendTriggerLayout, UInt32>.vcpu),
            ])
        let t23 = LayoutTable(
            DomctlSetTargetLayout.self, c: "xen_domctl_set_target",
            [
                .init("target", c: "target", Field<DomctlSetTargetLayout, UInt16>.target)
            ])
        let t24 = LayoutTable(
            DomctlCPUPolicyLayout.self, c: "xen_domctl_cpu_policy",
            [
                .init("leafCount", c: "nr_leaves", Field<DomctlCPUPolicyLayout, UInt32>.leafCount),
                .init("msrCount", c: "nr_msrs", Field<DomctlCPUPolicyLayout, UInt32>.msrCount),
                .init("leaves", c: "leaves", Field<DomctlCPUPolicyLayout, UInt64>.leaves),
                .init("msrs", c: "msrs", Field<DomctlCPUPolicyLayout, UInt64>.msrs),
                .init("errorLeaf", c: "err_leaf", Field<DomctlCPUPolicyLayout, UInt32>.errorLeaf),
                .init("errorSubleaf", c: "err_subleaf", Field<DomctlCPUPolicyLayout, UInt32>.errorSubleaf),
                .init("errorMSR", c: "err_msr", Field<DomctlCPUPolicyLayout, UInt32>.errorMSR),
            ])
        let t25 = LayoutTable(
            CPUIDLeafLayout.self, c: "xen_cpuid_leaf",
            [
                .init("leaf", c: "leaf", Field<CPUIDLeafLayout, UInt32>.leaf),
                .init("subleaf", c: "subleaf", Field<CPUIDLeafLayout, UInt32>.subleaf),
                .init("a", c: "a", Field<CPUIDLeafLayout, UInt32>.a),
                .init("b", c: "b", Field<CPUIDLeafLayout, UInt32>.b),
                .init("c", c: "c", Field<CPUIDLeafLayout, UInt32>.c),
                .init("d", c: "d", Field<CPUIDLeafLayout, UInt32>.d),
            ])
        let t26 = LayoutTable(
            MSREntryLayout.self, c: "xen_msr_entry",
            [
                .init("index", c: "idx", Field<MSREntryLayout, UInt32>.index),
                .init("flags", c: "flags", Field<MSREntryLayout, UInt32>.flags),
                .init("value", c: "val", Field<MSREntryLayout, UInt64>.value),
            ])
        let t27 = LayoutTable(
            DomctlTSCInfoLayout.self, c: "xen_domctl_tsc_info",
            [
                .init("mode", c: "tsc_mode", Field<DomctlTSCInfoLayout, UInt32>.mode),
                .init("kilohertz", c: "gtsc_khz", Field<DomctlTSCInfoLayout, UInt32>.kilohertz),
                .init("incarnation", c: "incarnation", Field<DomctlTSCInfoLayout, UInt32>.incarnation),
                .init(
                    "elapsedNanoseconds", c: "elapsed_nsec",
                    Field<DomctlTSCInfoLayout, UInt64>.elapsedNanoseconds),
            ])
        let t28 = LayoutTable(
            DomctlVirtualInterruptHandlerLayout.self, c: "xen_domctl_set_virq_handler",
            [
                .init(
                    "virtualInterrupt", c: "virq",
                    Field<DomctlVirtualInterruptHandlerLayout, UInt32>.virtualInterrupt)
            ])
        let t29 = LayoutTable(
            DomctlPagingMempoolLayout.self, c: "xen_domctl_paging_mempool",
            [
                .init("size", c: "size", Field<DomctlPagingMempoolLayout, UInt64>.size)
            ])
        let t30 = LayoutTable(
            DomctlVCPUExtendedStateLayout.self, c: "xen_domctl_vcpuextstate",
            [
                .init("vcpu", c: "vcpu", Field<DomctlVCPUExtendedStateLayout, UInt32>.vcpu),
                .init(
                    "featureMask", c: "xfeature_mask",
                    Field<DomctlVCPUExtendedStateLayout, UInt64>.featureMask),
                .init("size", c: "size", Field<DomctlVCPUExtendedStateLayout, UInt64>.size),
                .init("buffer", c: "buffer", Field<DomctlVCPUExtendedStateLayout, UInt64>.buffer),
            ])
        let t31 = LayoutTable(
            DomctlVCPUMSRsLayout.self, c: "xen_domctl_vcpu_msrs",
            [
                .init("vcpu", c: "vcpu", Field<DomctlVCPUMSRsLayout, UInt32>.vcpu),
                .init("msrCount", c: "msr_count", Field<DomctlVCPUMSRsLayout, UInt32>.msrCount),
                .init("msrs", c: "msrs", Field<DomctlVCPUMSRsLayout, UInt64>.msrs),
            ])
        let t32 = LayoutTable(
            DomctlMemoryMappingLayout.self, c: "xen_domctl_memory_mapping",
            [
                .init(
                    "firstGuestFrame", c: "first_gfn",
                    Field<DomctlMemoryMappingLayout, UInt64>.firstGuestFrame),
                .init(
                    "firstMachineFrame", c: "first_mfn",
                    Field<DomctlMemoryMappingLayout, UInt64>.firstMachineFrame),
                .init("frameCount", c: "nr_mfns", Field<DomctlMemoryMappingLayout, UInt64>.frameCount),
                .init("add", c: "add_mapping", Field<DomctlMemoryMappingLayout, UInt32>.add),
            ])
        let t33 = LayoutTable(
            DomctlGuestMemoryIOLayout.self, c: "xen_domctl_gdbsx_memio",
            [
                .init("directoryBase", c: "pgd3val", Field<DomctlGuestMemoryIOLayout, UInt64>.directoryBase),
                .init("guestAddress", c: "gva", Field<DomctlGuestMemoryIOLayout, UInt64>.guestAddress),
                .init("buffer", c: "uva", Field<DomctlGuestMemoryIOLayout, UInt64>.buffer),
                .init("length", c: "len", Field<DomctlGuestMemoryIOLayout, UInt32>.length),
                .init("isWrite", c: "gwr", Field<DomctlGuestMemoryIOLayout, UInt8>.isWrite),
                .init("remaining", c: "remain", Field<DomctlGuestMemoryIOLayout, UInt32>.remaining),
            ])
        let t34 = LayoutTable(
            BitmapLayout.self, c: "xenctl_bitmap",
            [
                .init("bitmap", c: "bitmap", Field<BitmapLayout, UInt64>.bitmap),
                .init("bitCount", c: "nr_bits", Field<BitmapLayout, UInt32>.bitCount),
            ])
        return [
            t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15, t16, t17, t18, t19, t20,
            t21, t22, t23, t24, t25, t26, t27, t28, t29, t30, t31, t32, t33, t34,
        ]
    }

    static var domctlConstants: [ConstantTable] {
        let t0 = ConstantTable(
            "DomctlVersion", "UInt32",
            [
                .init("value", c: "XEN_DOMCTL_INTERFACE_VERSION", DomctlVersion.value)
            ])
        let t1 = ConstantTable(
            "DomctlOperation", "UInt32",
            [
                .init("createDomain", c: "XEN_DOMCTL_createdomain", DomctlOperation.createDomain),
                .init("destroyDomain", c: "XEN_DOMCTL_destroydomain", DomctlOperation.destroyDomain),
                .init("pauseDomain", c: "XEN_DOMCTL_pausedomain", DomctlOperation.pauseDomain),
                .init("unpauseDomain", c: "XEN_DOMCTL_unpausedomain", DomctlOperation.unpauseDomain),
                .init("getDomainInfo", c: "XEN_DOMCTL_getdomaininfo", DomctlOperation.getDomainInfo),
                .init("setVCPUAffinity", c: "XEN_DOMCTL_setvcpuaffinity", DomctlOperation.setVCPUAffinity),
                .init("shadow", c: "XEN_DOMCTL_shadow_op", DomctlOperation.shadow),
                .init("maximumMemory", c: "XEN_DOMCTL_max_mem", DomctlOperation.maximumMemory),
                .init("setVCPUContext", c: "XEN_DOMCTL_setvcpucontext", DomctlOperation.setVCPUContext),
                .init("getVCPUContext", c: "XEN_DOMCTL_getvcpucontext", DomctlOperation.getVCPUContext),
                .init("getVCPUInfo", c: "XEN_DOMCTL_getvcpuinfo", DomctlOperation.getVCPUInfo),
                .init("maximumVCPUs", c: "XEN_DOMCTL_max_vcpus", DomctlOperation.maximumVCPUs),
                .init("scheduler", c: "XEN_DOMCTL_scheduler_op", DomctlOperation.scheduler),
                .init("setDomainHandle", c: "XEN_DOMCTL_setdomainhandle", DomctlOperation.setDomainHandle),
                .init("setDebugging", c: "XEN_DOMCTL_setdebugging", DomctlOperation.setDebugging),
                .init("irqPermission", c: "XEN_DOMCTL_irq_permission", DomctlOperation.irqPermission),
                .init("iomemPermission", c: "XEN_DOMCTL_iomem_permission", DomctlOperation.iomemPermission),
                .init(
                    "ioportPermission", c: "XEN_DOMCTL_ioport_permission", DomctlOperation.ioportPermission),
                .init("hypercallInit", c: "XEN_DOMCTL_hypercall_init", DomctlOperation.hypercallInit),
                .init("setTimeOffset", c: "XEN_DOMCTL_settimeoffset", DomctlOperation.setTimeOffset),
                .init("getVCPUAffinity", c: "XEN_DOMCTL_getvcpuaffinity", DomctlOperation.getVCPUAffinity),
                .init("resumeDomain", c: "XEN_DOMCTL_resumedomain", DomctlOperation.resumeDomain),
                .init("sendTrigger", c: "XEN_DOMCTL_sendtrigger", DomctlOperation.sendTrigger),
                .init("subscribe", c: "XEN_DOMCTL_subscribe", DomctlOperation.subscribe),
                .init("getHVMContext", c: "XEN_DOMCTL_gethvmcontext", DomctlOperation.getHVMContext),
                .init("setHVMContext", c: "XEN_DOMCTL_sethvmcontext", DomctlOperation.setHVMContext),
                .init("setAddressSize", c: "XEN_DOMCTL_set_address_size", DomctlOperation.setAddressSize),
                .init("getAddressSize", c: "XEN_DOMCTL_get_address_size", DomctlOperation.getAddressSize),
                .init("assignDevice", c: "XEN_DOMCTL_assign_device", DomctlOperation.assignDevice),
                .init("bindPTInterrupt", c: "XEN_DOMCTL_bind_pt_irq", DomctlOperation.bindPTInterrupt),
                .init("memoryMapping", c: "XEN_DOMCTL_memory_mapping", DomctlOperation.memoryMapping),
                .init("ioportMapping", c: "XEN_DOMCTL_ioport_mapping", DomctlOperation.ioportMapping),
                .init(
                    "setExtendedVCPUContext", c: "XEN_DOMCTL_set_ext_vcpucontext",
                    DomctlOperation.setExtendedVCPUContext),
                .init(
                    "getExtendedVCPUContext", c: "XEN_DOMCTL_get_ext_vcpucontext",
                    DomctlOperation.getExtendedVCPUContext),
                .init(
                    "testAssignDevice", c: "XEN_DOMCTL_test_assign_device", DomctlOperation.testAssignDevice),
                .init("setTarget", c: "XEN_DOMCTL_set_target", DomctlOperation.setTarget),
                .init("deassignDevice", c: "XEN_DOMCTL_deassign_device", DomctlOperation.deassignDevice),
                .init("unbindPTInterrupt", c: "XEN_DOMCTL_unbind_pt_irq", DomctlOperation.unbindPTInterrupt),
                .init("getDeviceGroup", c: "XEN_DOMCTL_get_device_group", DomctlOperation.getDeviceGroup),
                .init("debug", c: "XEN_DOMCTL_debug_op", DomctlOperation.debug),
                .init(
                    "getHVMContextPartial", c: "XEN_DOMCTL_gethvmcontext_partial",
                    DomctlOperation.getHVMContextPartial),
                .init("vmEvent", c: "XEN_DOMCTL_vm_event_op", DomctlOperation.vmEvent),
                .init("memorySharing", c: "XEN_DOMCTL_mem_sharing_op", DomctlOperation.memorySharing),
                .init("getTSCInfo", c: "XEN_DOMCTL_gettscinfo", DomctlOperation.getTSCInfo),
                .init("setTSCInfo", c: "XEN_DOMCTL_settscinfo", DomctlOperation.setTSCInfo),
                .init(
                    "getPageFrameInfo3", c: "XEN_DOMCTL_getpageframeinfo3", DomctlOperation.getPageFrameInfo3),
                .init(
                    "setVCPUExtendedState", c: "XEN_DOMCTL_setvcpuextstate",
                    DomctlOperation.setVCPUExtendedState),
                .init(
                    "getVCPUExtendedState", c: "XEN_DOMCTL_getvcpuextstate",
                    DomctlOperation.getVCPUExtendedState),
                .init(
                    "setAccessRequired", c: "XEN_DOMCTL_set_access_required",
                    DomctlOperation.setAccessRequired),
                .init("auditP2M", c: "XEN_DOMCTL_audit_p2m", DomctlOperation.auditP2M),
                .init(
                    "setVirtualInterruptHandler", c: "XEN_DOMCTL_set_virq_handler",
                    DomctlOperation.setVirtualInterruptHandler),
                .init("setBrokenPage", c: "XEN_DOMCTL_set_broken_page_p2m", DomctlOperation.setBrokenPage),
                .init("setNodeAffinity", c: "XEN_DOMCTL_setnodeaffinity", DomctlOperation.setNodeAffinity),
                .init("getNodeAffinity", c: "XEN_DOMCTL_getnodeaffinity", DomctlOperation.getNodeAffinity),
                .init("cacheFlush", c: "XEN_DOMCTL_cacheflush", DomctlOperation.cacheFlush),
                .init("getVCPUMSRs", c: "XEN_DOMCTL_get_vcpu_msrs", DomctlOperation.getVCPUMSRs),
                .init("setVCPUMSRs", c: "XEN_DOMCTL_set_vcpu_msrs", DomctlOperation.setVCPUMSRs),
                .init("setVNUMAInfo", c: "XEN_DOMCTL_setvnumainfo", DomctlOperation.setVNUMAInfo),
                .init("psrMonitoring", c: "XEN_DOMCTL_psr_cmt_op", DomctlOperation.psrMonitoring),
                .init("monitor", c: "XEN_DOMCTL_monitor_op", DomctlOperation.monitor),
                .init("psrAllocation", c: "XEN_DOMCTL_psr_alloc", DomctlOperation.psrAllocation),
                .init("softReset", c: "XEN_DOMCTL_soft_reset", DomctlOperation.softReset),
                .init("vuart", c: "XEN_DOMCTL_vuart_op", DomctlOperation.vuart),
                .init("getCPUPolicy", c: "XEN_DOMCTL_get_cpu_policy", DomctlOperation.getCPUPolicy),
                .init("setCPUPolicy", c: "XEN_DOMCTL_set_cpu_policy", DomctlOperation.setCPUPolicy),
                .init("vmtrace", c: "XEN_DOMCTL_vmtrace_op", DomctlOperation.vmtrace),
                .init(
                    "getPagingMempoolSize", c: "XEN_DOMCTL_get_paging_mempool_size",
                    DomctlOperation.getPagingMempoolSize),
                .init(
                    "setPagingMempoolSize", c: "XEN_DOMCTL_set_paging_mempool_size",
                    DomctlOperation.setPagingMempoolSize),
                .init(
                    "gdbsxGuestMemoryIO", c: "XEN_DOMCTL_gdbsx_guestmemio", DomctlOperation.gdbsxGuestMemoryIO
                ),
                .init("gdbsxPauseVCPU", c: "XEN_DOMCTL_gdbsx_pausevcpu", DomctlOperation.gdbsxPauseVCPU),
                .init(
                    "gdbsxUnpauseVCPU", c: "XEN_DOMCTL_gdbsx_unpausevcpu", DomctlOperation.gdbsxUnpauseVCPU),
                .init(
                    "gdbsxDomainStatus", c: "XEN_DOMCTL_gdbsx_domstatus", DomctlOperation.gdbsxDomainStatus),
            ])
        let t2 = ConstantTable(
            "CreateDomainFlag", "UInt32",
            [
                .init("hvm", c: "XEN_DOMCTL_CDF_hvm", CreateDomainFlag.hvm),
                .init("hap", c: "XEN_DOMCTL_CDF_hap", CreateDomainFlag.hap),
                .init("s3Integrity", c: "XEN_DOMCTL_CDF_s3_integrity", CreateDomainFlag.s3Integrity),
                .init("outOfSyncOff", c: "XEN_DOMCTL_CDF_oos_off", CreateDomainFlag.outOfSyncOff),
                .init("xenstoreDomain", c: "XEN_DOMCTL_CDF_xs_domain", CreateDomainFlag.xenstoreDomain),
                .init("iommu", c: "XEN_DOMCTL_CDF_iommu", CreateDomainFlag.iommu),
                .init(
                    "nestedVirtualization", c: "XEN_DOMCTL_CDF_nested_virt",
                    CreateDomainFlag.nestedVirtualization),
                .init("vpmu", c: "XEN_DOMCTL_CDF_vpmu", CreateDomainFlag.vpmu),
            ])
        let t3 = ConstantTable(
            "GrantOption", "UInt32",
            [
                .init("versionMask", c: "XEN_DOMCTL_GRANT_version_mask", GrantOption.versionMask)
            ])
        let t4 = ConstantTable(
            "EmulationFlag", "UInt32",
            [
                .init("lapic", c: "XEN_X86_EMU_LAPIC", EmulationFlag.lapic),
                .init("hpet", c: "XEN_X86_EMU_HPET", EmulationFlag.hpet),
                .init("pm", c: "XEN_X86_EMU_PM", EmulationFlag.pm),
                .init("rtc", c: "XEN_X86_EMU_RTC", EmulationFlag.rtc),
                .init("ioapic", c: "XEN_X86_EMU_IOAPIC", EmulationFlag.ioapic),
                .init("pic", c: "XEN_X86_EMU_PIC", EmulationFlag.pic),
                .init("vga", c: "XEN_X86_EMU_VGA", EmulationFlag.vga),
                .init("iommu", c: "XEN_X86_EMU_IOMMU", EmulationFlag.iommu),
                .init("pit", c: "XEN_X86_EMU_PIT", EmulationFlag.pit),
                .init("usePIRQ", c: "XEN_X86_EMU_USE_PIRQ", EmulationFlag.usePIRQ),
                .init("vpci", c: "XEN_X86_EMU_VPCI", EmulationFlag.vpci),
                .init("all", c: "XEN_X86_EMU_ALL", EmulationFlag.all),
            ])
        let t5 = ConstantTable(
            "DomainInfoFlag", "UInt32",
            [
                .init("dying", c: "XEN_DOMINF_dying", DomainInfoFlag.dying),
                .init("hvmGuest", c: "XEN_DOMINF_hvm_guest", DomainInfoFlag.hvmGuest),
                .init("shutdown", c: "XEN_DOMINF_shutdown", DomainInfoFlag.shutdown),
                .init("paused", c: "XEN_DOMINF_paused", DomainInfoFlag.paused),
                .init("blocked", c: "XEN_DOMINF_blocked", DomainInfoFlag.blocked),
                .init("running", c: "XEN_DOMINF_running", DomainInfoFlag.running),
                .init("debugged", c: "XEN_DOMINF_debugged", DomainInfoFlag.debugged),
                .init("xenstoreDomain", c: "XEN_DOMINF_xs_domain", DomainInfoFlag.xenstoreDomain),
                .init("hap", c: "XEN_DOMINF_hap", DomainInfoFlag.hap),
                .init("shutdownMask", c: "XEN_DOMINF_shutdownmask", DomainInfoFlag.shutdownMask),
                .init("shutdownShift", c: "XEN_DOMINF_shutdownshift", DomainInfoFlag.shutdownShift),
            ])
        let t6 = ConstantTable(
            "DomainInfoLimit", "UInt32",
            [
                .init("noVCPUs", c: "XEN_INVALID_MAX_VCPU_ID", DomainInfoLimit.noVCPUs)
            ])
        let t7 = ConstantTable(
            "PageFrameType", "UInt32",
            [
                .init("none", c: "XEN_DOMCTL_PFINFO_NOTAB", PageFrameType.none),
                .init("invalid", c: "XEN_DOMCTL_PFINFO_XTAB", PageFrameType.invalid),
                .init("allocateOnly", c: "XEN_DOMCTL_PFINFO_XALLOC", PageFrameType.allocateOnly),
                .init("broken", c: "XEN_DOMCTL_PFINFO_BROKEN", PageFrameType.broken),
            ])
        let t8 = ConstantTable(
            "VCPUAffinityFlag", "UInt32",
            [
                .init("hard", c: "XEN_VCPUAFFINITY_HARD", VCPUAffinityFlag.hard),
                .init("soft", c: "XEN_VCPUAFFINITY_SOFT", VCPUAffinityFlag.soft),
                .init("force", c: "XEN_VCPUAFFINITY_FORCE", VCPUAffinityFlag.force),
            ])
        let t9 = ConstantTable(
            "ShadowOperation", "UInt32",
            [
                .init("off", c: "XEN_DOMCTL_SHADOW_OP_OFF", ShadowOperation.off),
                .init("enableTest", c: "XEN_DOMCTL_SHADOW_OP_ENABLE_TEST", ShadowOperation.enableTest),
                .init(
                    "enableLogDirty", c: "XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY",
                    ShadowOperation.enableLogDirty),
                .init("clean", c: "XEN_DOMCTL_SHADOW_OP_CLEAN", ShadowOperation.clean),
                .init("peek", c: "XEN_DOMCTL_SHADOW_OP_PEEK", ShadowOperation.peek),
                .init(
                    "getAllocation", c: "XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION", ShadowOperation.getAllocation),
                .init(
                    "setAllocation", c: "XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION", ShadowOperation.setAllocation),
                .init("enable", c: "XEN_DOMCTL_SHADOW_OP_ENABLE", ShadowOperation.enable),
            ])
        let t10 = ConstantTable(
            "ShadowMode", "UInt32",
            [
                .init("logDirtyFinal", c: "XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL", ShadowMode.logDirtyFinal),
                .init("enableLogDirty", c: "XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY", ShadowMode.enableLogDirty),
            ])
        let t11 = ConstantTable(
            "SchedulerID", "UInt32",
            [
                .init("credit", c: "XEN_SCHEDULER_CREDIT", SchedulerID.credit),
                .init("credit2", c: "XEN_SCHEDULER_CREDIT2", SchedulerID.credit2),
                .init("arinc653", c: "XEN_SCHEDULER_ARINC653", SchedulerID.arinc653),
                .init("rtds", c: "XEN_SCHEDULER_RTDS", SchedulerID.rtds),
                .init("null", c: "XEN_SCHEDULER_NULL", SchedulerID.null),
            ])
        let t12 = ConstantTable(
            "TriggerKind", "UInt32",
            [
                .init("nmi", c: "XEN_DOMCTL_SENDTRIGGER_NMI", TriggerKind.nmi),
                .init("reset", c: "XEN_DOMCTL_SENDTRIGGER_RESET", TriggerKind.reset),
                .init("initialise", c: "XEN_DOMCTL_SENDTRIGGER_INIT", TriggerKind.initialise),
                .init("power", c: "XEN_DOMCTL_SENDTRIGGER_POWER", TriggerKind.power),
                .init("sleep", c: "XEN_DOMCTL_SENDTRIGGER_SLEEP", TriggerKind.sleep),
            ])
        let t13 = ConstantTable(
            "CPUPolicyLimit", "UInt32",
            [
                .init("noSubleaf", c: "XEN_CPUID_NO_SUBLEAF", CPUPolicyLimit.noSubleaf)
            ])
        return [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13]
    }

    // MARK: SysctlABI.swift

    static var sysctlLayouts: [LayoutTable] {
        let t0 = LayoutTable(
            SysctlLayout.self, c: "xen_sysctl",
            [
                .init("command", c: "cmd", Field<SysctlLayout, UInt32>.command),
                .init(
                    "interfaceVersion", c: "interface_version", Field<SysctlLayout, UInt32>.interfaceVersion),
            ])
        let t1 = LayoutTable(
            SysctlReadConsoleLayout.self, c: "xen_sysctl_readconsole",
            [
                .init("clear", c: "clear", Field<SysctlReadConsoleLayout, UInt8>.clear),
                .init("incremental", c: "incremental", Field<SysctlReadConsoleLayout, UInt8>.incremental),
                .init("index", c: "index", Field<SysctlReadConsoleLayout, UInt32>.index),
                .init("buffer", c: "buffer", Field<SysctlReadConsoleLayout, UInt64>.buffer),
                .init("count", c: "count", Field<SysctlReadConsoleLayout, UInt32>.count),
            ])
        let t2 = LayoutTable(
            SysctlPhysicalInfoLayout.self, c: "xen_sysctl_physinfo",
            [
                .init(
                    "threadsPerCore", c: "threads_per_core",
                    Field<SysctlPhysicalInfoLayout, UInt32>.threadsPerCore),
                .init(
                    "coresPerSocket", c: "cores_per_socket",
                    Field<SysctlPhysicalInfoLayout, UInt32>.coresPerSocket),
                .init("cpuCount", c: "nr_cpus", Field<SysctlPhysicalInfoLayout, UInt32>.cpuCount),
                .init("maximumCPUID", c: "max_cpu_id", Field<SysctlPhysicalInfoLayout, UInt32>.maximumCPUID),
                .init("nodeCount", c: "nr_nodes", Field<SysctlPhysicalInfoLayout, UInt32>.nodeCount),
                .init(
                    "maximumNodeID", c: "max_node_id", Field<SysctlPhysicalInfoLayout, UInt32>.maximumNodeID),
                .init("cpuKilohertz", c: "cpu_khz", Field<SysctlPhysicalInfoLayout, UInt32>.cpuKilohertz),
                .init(
                    "capabilities", c: "capabilities", Field<SysctlPhysicalInfoLayout, UInt32>.capabilities),
                .init(
                    "archCapabilities", c: "arch_capabilities",
                    Field<SysctlPhysicalInfoLayout, UInt32>.archCapabilities),
                .init("totalPages", c: "total_pages", Field<SysctlPhysicalInfoLayout, UInt64>.totalPages),
                .init("freePages", c: "free_pages", Field<SysctlPhysicalInfoLayout, UInt64>.freePages),
                .init("scrubPages", c: "scrub_pages", Field<SysctlPhysicalInfoLayout, UInt64>.scrubPages),
                .init(
                    "outstandingPages", c: "outstanding_pages",
                    Field<SysctlPhysicalInfoLayout, UInt64>.outstandingPages),
                .init(
                    "maximumMachineFrame", c: "max_mfn",
                    Field<SysctlPhysicalInfoLayout, UInt64>.maximumMachineFrame),
                .init(
                    "hardwareCapabilities", c: "hw_cap",
                    Field<SysctlPhysicalInfoLayout, UInt32>.hardwareCapabilities, count: 8),
            ])
        let t3 = LayoutTable(
            SysctlSchedulerIDLayout.self, c: "xen_sysctl_sched_id",
            [
                .init("schedulerID", c: "sched_id", Field<SysctlSchedulerIDLayout, UInt32>.schedulerID)
            ])
        let t4 = LayoutTable(
            SysctlDomainInfoListLayout.self, c: "xen_sysctl_getdomaininfolist",
            [
                .init(
                    "firstDomain", c: "first_domain", Field<SysctlDomainInfoListLayout, UInt16>.firstDomain),
                .init(
                    "maximumDomains", c: "max_domains",
                    Field<SysctlDomainInfoListLayout, UInt32>.maximumDomains),
                .init("buffer", c: "buffer", Field<SysctlDomainInfoListLayout, UInt64>.buffer),
                .init("domainCount", c: "num_domains", Field<SysctlDomainInfoListLayout, UInt32>.domainCount),
            ])
        let t5 = LayoutTable(
            SysctlDebugKeysLayout.self, c: "xen_sysctl_debug_keys",
            [
                .init("keys", c: "keys", Field<SysctlDebugKeysLayout, UInt64>.keys),
                .init("keyCount", c: "nr_keys", Field<SysctlDebugKeysLayout, UInt32>.keyCount),
            ])
        let t6 = LayoutTable(
            SysctlCPUInfoLayout.self, c: "xen_sysctl_getcpuinfo",
            [
                .init("maximumCPUs", c: "max_cpus", Field<SysctlCPUInfoLayout, UInt32>.maximumCPUs),
                .init("info", c: "info", Field<SysctlCPUInfoLayout, UInt64>.info),
                .init("cpuCount", c: "nr_cpus", Field<SysctlCPUInfoLayout, UInt32>.cpuCount),
            ])
        let t7 = LayoutTable(
            SysctlAvailableHeapLayout.self, c: "xen_sysctl_availheap",
            [
                .init("minimumBits", c: "min_bitwidth", Field<SysctlAvailableHeapLayout, UInt32>.minimumBits),
                .init("maximumBits", c: "max_bitwidth", Field<SysctlAvailableHeapLayout, UInt32>.maximumBits),
                .init("node", c: "node", Field<SysctlAvailableHeapLayout, Int32>.node),
                .init(
                    "availableBytes", c: "avail_bytes",
                    Field<SysctlAvailableHeapLayout, UInt64>.availableBytes),
            ])
        let t8 = LayoutTable(
            SysctlCPUTopologyInfoLayout.self, c: "xen_sysctl_cputopoinfo",
            [
                .init("cpuCount", c: "num_cpus", Field<SysctlCPUTopologyInfoLayout, UInt32>.cpuCount),
                .init("topology", c: "cputopo", Field<SysctlCPUTopologyInfoLayout, UInt64>.topology),
            ])
        let t9 = LayoutTable(
            SysctlCPUTopologyLayout.self, c: "xen_sysctl_cputopo",
            [
                .init("core", c: "core", Field<SysctlCPUTopologyLayout, UInt32>.core),
                .init("socket", c: "socket", Field<SysctlCPUTopologyLayout, UInt32>.socket),
                .init("node", c: "node", Field<SysctlCPUTopologyLayout, UInt32>.node),
            ])
        let t10 = LayoutTable(
            SysctlNUMAInfoLayout.self, c: "xen_sysctl_numainfo",
            [
                .init("nodeCount", c: "num_nodes", Field<SysctlNUMAInfoLayout, UInt32>.nodeCount),
                .init("memoryInfo", c: "meminfo", Field<SysctlNUMAInfoLayout, UInt64>.memoryInfo),
                .init("distance", c: "distance", Field<SysctlNUMAInfoLayout, UInt64>.distance),
            ])
        let t11 = LayoutTable(
            SysctlMemoryInfoLayout.self, c: "xen_sysctl_meminfo",
            [
                .init("size", c: "memsize", Field<SysctlMemoryInfoLayout, UInt64>.size),
                .init("free", c: "memfree", Field<SysctlMemoryInfoLayout, UInt64>.free),
            ])
        let t12 = LayoutTable(
            SysctlCPUPoolLayout.self, c: "xen_sysctl_cpupool_op",
            [
                .init("operation", c: "op", Field<SysctlCPUPoolLayout, UInt32>.operation),
                .init("cpupool", c: "cpupool_id", Field<SysctlCPUPoolLayout, UInt32>.cpupool),
                .init("schedulerID", c: "sched_id", Field<SysctlCPUPoolLayout, UInt32>.schedulerID),
                .init("domain", c: "domid", Field<SysctlCPUPoolLayout, UInt32>.domain),
                .init("cpu", c: "cpu", Field<SysctlCPUPoolLayout, UInt32>.cpu),
                .init("domainCount", c: "n_dom", Field<SysctlCPUPoolLayout, UInt32>.domainCount),
                .init("bitmap", c: "cpumap.bitmap", Field<SysctlCPUPoolLayout, UInt64>.bitmap),
                .init("bitCount", c: "cpumap.nr_bits", Field<SysctlCPUPoolLayout, UInt32>.bitCount),
            ])
        let t13 = LayoutTable(
            SysctlCPULevellingLayout.self, c: "xen_sysctl_cpu_levelling_caps",
            [
                .init("capabilities", c: "caps", Field<SysctlCPULevellingLayout, UInt32>.capabilities)
            ])
        let t14 = LayoutTable(
            SysctlCPUFeaturesetLayout.self, c: "xen_sysctl_cpu_featureset",
            [
                .init("index", c: "index", Field<SysctlCPUFeaturesetLayout, UInt32>.index),
                .init(
                    "featureCount", c: "nr_features", Field<SysctlCPUFeaturesetLayout, UInt32>.featureCount),
                .init("features", c: "features", Field<SysctlCPUFeaturesetLayout, UInt64>.features),
            ])
        let t15 = LayoutTable(
            SysctlCPUPolicyLayout.self, c: "xen_sysctl_cpu_policy",
            [
                .init("index", c: "index", Field<SysctlCPUPolicyLayout, UInt32>.index),
                .init("leafCount", c: "nr_leaves", Field<SysctlCPUPolicyLayout, UInt32>.leafCount),
                .init("msrCount", c: "nr_msrs", Field<SysctlCPUPolicyLayout, UInt32>.msrCount),
                .init("reserved", c: "_rsvd", Field<SysctlCPUPolicyLayout, UInt32>.reserved),
                .init("leaves", c: "leaves", Field<SysctlCPUPolicyLayout, UInt64>.leaves),
                .init("msrs", c: "msrs", Field<SysctlCPUPolicyLayout, UInt64>.msrs),
            ])
        let t16 = LayoutTable(
            SysctlPCITopologyLayout.self, c: "xen_sysctl_pcitopoinfo",
            [
                .init("deviceCount", c: "num_devs", Field<SysctlPCITopologyLayout, UInt32>.deviceCount),
                .init("devices", c: "devs", Field<SysctlPCITopologyLayout, UInt64>.devices),
                .init("nodes", c: "nodes", Field<SysctlPCITopologyLayout, UInt64>.nodes),
            ])
        return [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15, t16]
    }

    static var sysctlConstants: [ConstantTable] {
        let t0 = ConstantTable(
            "SysctlVersion", "UInt32",
            [
                .init("value", c: "XEN_SYSCTL_INTERFACE_VERSION", SysctlVersion.value)
            ])
        let t1 = ConstantTable(
            "SysctlOperation", "UInt32",
            [
                .init("readConsole", c: "XEN_SYSCTL_readconsole", SysctlOperation.readConsole),
                .init("traceBuffer", c: "XEN_SYSCTL_tbuf_op", SysctlOperation.traceBuffer),
                .init("physicalInfo", c: "XEN_SYSCTL_physinfo", SysctlOperation.physicalInfo),
                .init("schedulerID", c: "XEN_SYSCTL_sched_id", SysctlOperation.schedulerID),
                .init("performanceCounters", c: "XEN_SYSCTL_perfc_op", SysctlOperation.performanceCounters),
                .init(
                    "getDomainInfoList", c: "XEN_SYSCTL_getdomaininfolist", SysctlOperation.getDomainInfoList),
                .init("debugKeys", c: "XEN_SYSCTL_debug_keys", SysctlOperation.debugKeys),
                .init("getCPUInfo", c: "XEN_SYSCTL_getcpuinfo", SysctlOperation.getCPUInfo),
                .init("availableHeap", c: "XEN_SYSCTL_availheap", SysctlOperation.availableHeap),
                .init("getPMStatistics", c: "XEN_SYSCTL_get_pmstat", SysctlOperation.getPMStatistics),
                .init("cpuHotplug", c: "XEN_SYSCTL_cpu_hotplug", SysctlOperation.cpuHotplug),
                .init("pm", c: "XEN_SYSCTL_pm_op", SysctlOperation.pm),
                .init("pageOffline", c: "XEN_SYSCTL_page_offline_op", SysctlOperation.pageOffline),
                .init("lockProfile", c: "XEN_SYSCTL_lockprof_op", SysctlOperation.lockProfile),
                .init("cpuTopology", c: "XEN_SYSCTL_cputopoinfo", SysctlOperation.cpuTopology),
                .init("numaInfo", c: "XEN_SYSCTL_numainfo", SysctlOperation.numaInfo),
                .init("cpupool", c: "XEN_SYSCTL_cpupool_op", SysctlOperation.cpupool),
                .init("scheduler", c: "XEN_SYSCTL_scheduler_op", SysctlOperation.scheduler),
                .init("coverage", c: "XEN_SYSCTL_coverage_op", SysctlOperation.coverage),
                .init("psrMonitoring", c: "XEN_SYSCTL_psr_cmt_op", SysctlOperation.psrMonitoring),
                .init("pciTopology", c: "XEN_SYSCTL_pcitopoinfo", SysctlOperation.pciTopology),
                .init("psrAllocation", c: "XEN_SYSCTL_psr_alloc", SysctlOperation.psrAllocation),
                .init(
                    "getCPULevellingCapabilities", c: "XEN_SYSCTL_get_cpu_levelling_caps",
                    SysctlOperation.getCPULevellingCapabilities),
                .init(
                    "getCPUFeatureset", c: "XEN_SYSCTL_get_cpu_featureset", SysctlOperation.getCPUFeatureset),
                .init("livepatch", c: "XEN_SYSCTL_livepatch_op", SysctlOperation.livepatch),
                .init("getCPUPolicy", c: "XEN_SYSCTL_get_cpu_policy", SysctlOperation.getCPUPolicy),
            ])
        let t2 = ConstantTable(
            "PhysicalCapability", "UInt32",
            [
                .init("hvm", c: "XEN_SYSCTL_PHYSCAP_hvm", PhysicalCapability.hvm),
                .init("pv", c: "XEN_SYSCTL_PHYSCAP_pv", PhysicalCapability.pv),
                .init("directIO", c: "XEN_SYSCTL_PHYSCAP_directio", PhysicalCapability.directIO),
                .init("hap", c: "XEN_SYSCTL_PHYSCAP_hap", PhysicalCapability.hap),
                .init("shadow", c: "XEN_SYSCTL_PHYSCAP_shadow", PhysicalCapability.shadow),
                .init(
                    "iommuHAPShare", c: "XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share",
                    PhysicalCapability.iommuHAPShare),
                .init("vmtrace", c: "XEN_SYSCTL_PHYSCAP_vmtrace", PhysicalCapability.vmtrace),
                .init("vpmu", c: "XEN_SYSCTL_PHYSCAP_vpmu", PhysicalCapability.vpmu),
                .init("grantTableV1", c: "XEN_SYSCTL_PHYSCAP_gnttab_v1", PhysicalCapability.grantTableV1),
                .init("grantTableV2", c: "XEN_SYSCTL_PHYSCAP_gnttab_v2", PhysicalCapability.grantTableV2),
            ])
        let t3 = ConstantTable(
            "CPUPoolOperation", "UInt32",
            [
                .init("create", c: "XEN_SYSCTL_CPUPOOL_OP_CREATE", CPUPoolOperation.create),
                .init("destroy", c: "XEN_SYSCTL_CPUPOOL_OP_DESTROY", CPUPoolOperation.destroy),
                .init("info", c: "XEN_SYSCTL_CPUPOOL_OP_INFO", CPUPoolOperation.info),
                .init("addCPU", c: "XEN_SYSCTL_CPUPOOL_OP_ADDCPU", CPUPoolOperation.addCPU),
                .init("removeCPU", c: "XEN_SYSCTL_CPUPOOL_OP_RMCPU", CPUPoolOperation.removeCPU),
                .init("moveDomain", c: "XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN", CPUPoolOperation.moveDomain),
                .init("freeInfo", c: "XEN_SYSCTL_CPUPOOL_OP_FREEINFO", CPUPoolOperation.freeInfo),
            ])
        let t4 = ConstantTable(
            "SystemCPUPolicy", "UInt32",
            [
                .init("raw", c: "XEN_SYSCTL_cpu_policy_raw", SystemCPUPolicy.raw),
                .init("host", c: "XEN_SYSCTL_cpu_policy_host", SystemCPUPolicy.host),
                .init("pvMaximum", c: "XEN_SYSCTL_cpu_policy_pv_max", SystemCPUPolicy.pvMaximum),
                .init("hvmMaximum", c: "XEN_SYSCTL_cpu_policy_hvm_max", SystemCPUPolicy.hvmMaximum),
                .init("pvDefault", c: "XEN_SYSCTL_cpu_policy_pv_default", SystemCPUPolicy.pvDefault),
                .init("hvmDefault", c: "XEN_SYSCTL_cpu_policy_hvm_default", SystemCPUPolicy.hvmDefault),
            ])
        let t5 = ConstantTable(
            "SystemCPUFeatureSet", "UInt32",
            [
                .init("raw", c: "XEN_SYSCTL_cpu_featureset_raw", SystemCPUFeatureSet.raw),
                .init("host", c: "XEN_SYSCTL_cpu_featureset_host", SystemCPUFeatureSet.host),
                .init("pv", c: "XEN_SYSCTL_cpu_featureset_pv", SystemCPUFeatureSet.pv),
                .init("hvm", c: "XEN_SYSCTL_cpu_featureset_hvm", SystemCPUFeatureSet.hvm),
                .init("pvMaximum", c: "XEN_SYSCTL_cpu_featureset_pv_max", SystemCPUFeatureSet.pvMaximum),
                .init("hvmMaximum", c: "XEN_SYSCTL_cpu_featureset_hvm_max", SystemCPUFeatureSet.hvmMaximum),
            ])
        return [t0, t1, t2, t3, t4, t5]
    }

    // MARK: PlatformABI.swift

    static var platformLayouts: [LayoutTable] {
        let t0 = LayoutTable(
            PlatformLayout.self, c: "xen_platform_op",
            [
                .init("command", c: "cmd", Field<PlatformLayout, UInt32>.command),
                .init(
                    "interfaceVersion", c: "interface_version", Field<PlatformLayout, UInt32>.interfaceVersion
                ),
            ])
        let t1 = LayoutTable(
            PlatformSetTime32Layout.self, c: "xenpf_settime32",
            [
                .init("seconds", c: "secs", Field<PlatformSetTime32Layout, UInt32>.seconds),
                .init("nanoseconds", c: "nsecs", Field<PlatformSetTime32Layout, UInt32>.nanoseconds),
                .init("systemTime", c: "system_time", Field<PlatformSetTime32Layout, UInt64>.systemTime),
            ])
        let t2 = LayoutTable(
            PlatformSetTime64Layout.self, c: "xenpf_settime64",
            [
                .init("seconds", c: "secs", Field<PlatformSetTime64Layout, UInt64>.seconds),
                .init("nanoseconds", c: "nsecs", Field<PlatformSetTime64Layout, UInt32>.nanoseconds),
                .init("mustBeZero", c: "mbz", Field<PlatformSetTime64Layout, UInt32>.mustBeZero),
                .init("systemTime", c: "system_time", Field<PlatformSetTime64Layout, UInt64>.systemTime),
            ])
        let t3 = LayoutTable(
            PlatformFirmwareInfoLayout.self, c: "xenpf_firmware_info",
            [
                .init("type", c: "type", Field<PlatformFirmwareInfoLayout, UInt32>.type),
                .init("index", c: "index", Field<PlatformFirmwareInfoLayout, UInt32>.index),
            ])
        let t4 = LayoutTable(
            PlatformACPISleepLayout.self, c: "xenpf_enter_acpi_sleep",
            [
                .init("valueA", c: "val_a", Field<PlatformACPISleepLayout, UInt16>.valueA),
                .init("valueB", c: "val_b", Field<PlatformACPISleepLayout, UInt16>.valueB),
                .init("sleepState", c: "sleep_state", Field<PlatformACPISleepLayout, UInt32>.sleepState),
                .init("flags", c: "flags", Field<PlatformACPISleepLayout, UInt32>.flags),
            ])
        let t5 = LayoutTable(
            PlatformCPUInfoLayout.self, c: "xenpf_pcpuinfo",
            [
                .init("cpu", c: "xen_cpuid", Field<PlatformCPUInfoLayout, UInt32>.cpu),
                .init(
                    "maximumPresent", c: "max_present", Field<PlatformCPUInfoLayout, UInt32>.maximumPresent),
                .init("flags", c: "flags", Field<PlatformCPUInfoLayout, UInt32>.flags),
                .init("apicID", c: "apic_id", Field<PlatformCPUInfoLayout, UInt32>.apicID),
                .init("acpiID", c: "acpi_id", Field<PlatformCPUInfoLayout, UInt32>.acpiID),
            ])
        let t6 = LayoutTable(
            PCIMMCFGReservedLayout.self, c: "physdev_pci_mmcfg_reserved",
            [
                .init("address", c: "address", Field<PCIMMCFGReservedLayout, UInt64>.address),
                .init("segment", c: "segment", Field<PCIMMCFGReservedLayout, UInt16>.segment),
                .init("startBus", c: "start_bus", Field<PCIMMCFGReservedLayout, UInt8>.startBus),
                .init("endBus", c: "end_bus", Field<PCIMMCFGReservedLayout, UInt8>.endBus),
                .init("flags", c: "flags", Field<PCIMMCFGReservedLayout, UInt32>.flags),
            ])
        let t7 = LayoutTable(
            PCIDeviceAddLayout.self, c: "physdev_pci_device_add",
            [
                .init("segment", c: "seg", Field<PCIDeviceAddLayout, UInt16>.segment),
                .init("bus", c: "bus", Field<PCIDeviceAddLayout, UInt8>.bus),
                .init("deviceFunction", c: "devfn", Field<PCIDeviceAddLayout, UInt8>.deviceFunction),
                .init("flags", c: "flags", Field<PCIDeviceAddLayout, UInt32>.flags),
                .init(
                    "physicalFunctionBus", c: "physfn.bus",
                    Field<PCIDeviceAddLayout, UInt8>.physicalFunctionBus),
                .init(
                    "physicalFunctionDeviceFunction", c: "physfn.devfn",
                    Field<PCIDeviceAddLayout, UInt8>.physicalFunctionDeviceFunction),
            ])
        let t8 = LayoutTable(
            PCIDeviceLayout.self, c: "physdev_pci_device",
            [
                .init("segment", c: "seg", Field<PCIDeviceLayout, UInt16>.segment),
                .init("bus", c: "bus", Field<PCIDeviceLayout, UInt8>.bus),
                .init("deviceFunction", c: "devfn", Field<PCIDeviceLayout, UInt8>.deviceFunction),
            ])
        let t9 = LayoutTable(
            PhysicalDeviceMapInterruptLayout.self, c: "physdev_map_pirq",
            [
                .init("domain", c: "domid", Field<PhysicalDeviceMapInterruptLayout, UInt16>.domain),
                .init("type", c: "type", Field<PhysicalDeviceMapInterruptLayout, Int32>.type),
                .init("index", c: "index", Field<PhysicalDeviceMapInterruptLayout, Int32>.index),
                .init("interrupt", c: "pirq", Field<PhysicalDeviceMapInterruptLayout, Int32>.interrupt),
                .init("bus", c: "bus", Field<PhysicalDeviceMapInterruptLayout, Int32>.bus),
                .init(
                    "deviceFunction", c: "devfn",
                    Field<PhysicalDeviceMapInterruptLayout, Int32>.deviceFunction),
                .init("entry", c: "entry_nr", Field<PhysicalDeviceMapInterruptLayout, Int32>.entry),
                .init(
                    "tableBase", c: "table_base", Field<PhysicalDeviceMapInterruptLayout, UInt64>.tableBase),
            ])
        let t10 = LayoutTable(
            PhysicalDeviceDebugPortLayout.self, c: "physdev_dbgp_op",
            [
                .init("operation", c: "op", Field<PhysicalDeviceDebugPortLayout, UInt8>.operation),
                .init("bus", c: "bus", Field<PhysicalDeviceDebugPortLayout, UInt8>.bus),
            ])
        return [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10]
    }

    static var platformConstants: [ConstantTable] {
        let t0 = ConstantTable(
            "PlatformVersion", "UInt32",
            [
                .init("value", c: "XENPF_INTERFACE_VERSION", PlatformVersion.value)
            ])
        let t1 = ConstantTable(
            "PlatformOperation", "UInt32",
            [
                .init("setTime32", c: "XENPF_settime32", PlatformOperation.setTime32),
                .init("addMemoryType", c: "XENPF_add_memtype", PlatformOperation.addMemoryType),
                .init("deleteMemoryType", c: "XENPF_del_memtype", PlatformOperation.deleteMemoryType),
                .init("readMemoryType", c: "XENPF_read_memtype", PlatformOperation.readMemoryType),
                .init("microcodeUpdate", c: "XENPF_microcode_update", PlatformOperation.microcodeUpdate),
                .init("platformQuirk", c: "XENPF_platform_quirk", PlatformOperation.platformQuirk),
                .init("getCPUVersion", c: "XENPF_get_cpu_version", PlatformOperation.getCPUVersion),
                .init("efiRuntimeCall", c: "XENPF_efi_runtime_call", PlatformOperation.efiRuntimeCall),
                .init("firmwareInfo", c: "XENPF_firmware_info", PlatformOperation.firmwareInfo),
                .init("enterACPISleep", c: "XENPF_enter_acpi_sleep", PlatformOperation.enterACPISleep),
                .init("changeFrequency", c: "XENPF_change_freq", PlatformOperation.changeFrequency),
                .init("getIdleTime", c: "XENPF_getidletime", PlatformOperation.getIdleTime),
                .init(
                    "setProcessorPMInfo", c: "XENPF_set_processor_pminfo",
                    PlatformOperation.setProcessorPMInfo),
                .init("getCPUInfo", c: "XENPF_get_cpuinfo", PlatformOperation.getCPUInfo),
                .init("cpuOnline", c: "XENPF_cpu_online", PlatformOperation.cpuOnline),
                .init("cpuOffline", c: "XENPF_cpu_offline", PlatformOperation.cpuOffline),
                .init("cpuHotAdd", c: "XENPF_cpu_hotadd", PlatformOperation.cpuHotAdd),
                .init("memoryHotAdd", c: "XENPF_mem_hotadd", PlatformOperation.memoryHotAdd),
                .init("coreParking", c: "XENPF_core_parking", PlatformOperation.coreParking),
                .init("resource", c: "XENPF_resource_op", PlatformOperation.resource),
                .init("setTime64", c: "XENPF_settime64", PlatformOperation.setTime64),
                .init("getSymbol", c: "XENPF_get_symbol", PlatformOperation.getSymbol),
            ])
        let t2 = ConstantTable(
            "FirmwareInfoType", "UInt32",
            [
                .init("disk", c: "XEN_FW_DISK_INFO", FirmwareInfoType.disk),
                .init("diskMBRSignature", c: "XEN_FW_DISK_MBR_SIGNATURE", FirmwareInfoType.diskMBRSignature),
                .init("vbeDDC", c: "XEN_FW_VBEDDC_INFO", FirmwareInfoType.vbeDDC),
                .init("efi", c: "XEN_FW_EFI_INFO", FirmwareInfoType.efi),
                .init("keyboardShiftFlags", c: "XEN_FW_KBD_SHIFT_FLAGS", FirmwareInfoType.keyboardShiftFlags),
            ])
        let t3 = ConstantTable(
            "ACPISleepFlag", "UInt32",
            [
                .init("extended", c: "XENPF_ACPI_SLEEP_EXTENDED", ACPISleepFlag.extended)
            ])
        let t4 = ConstantTable(
            "PhysicalCPUFlag", "UInt32",
            [
                .init("online", c: "XEN_PCPU_FLAGS_ONLINE", PhysicalCPUFlag.online),
                .init("invalid", c: "XEN_PCPU_FLAGS_INVALID", PhysicalCPUFlag.invalid),
            ])
        let t5 = ConstantTable(
            "PhysicalDeviceOperation", "UInt32",
            [
                .init("eoi", c: "PHYSDEVOP_eoi", PhysicalDeviceOperation.eoi),
                .init(
                    "interruptStatusQuery", c: "PHYSDEVOP_irq_status_query",
                    PhysicalDeviceOperation.interruptStatusQuery),
                .init("setIOPL", c: "PHYSDEVOP_set_iopl", PhysicalDeviceOperation.setIOPL),
                .init("setIOBitmap", c: "PHYSDEVOP_set_iobitmap", PhysicalDeviceOperation.setIOBitmap),
                .init("apicRead", c: "PHYSDEVOP_apic_read", PhysicalDeviceOperation.apicRead),
                .init("apicWrite", c: "PHYSDEVOP_apic_write", PhysicalDeviceOperation.apicWrite),
                .init(
                    "allocateInterruptVector", c: "PHYSDEVOP_alloc_irq_vector",
                    PhysicalDeviceOperation.allocateInterruptVector),
                .init(
                    "freeInterruptVector", c: "PHYSDEVOP_free_irq_vector",
                    PhysicalDeviceOperation.freeInterruptVector),
                .init("mapInterrupt", c: "PHYSDEVOP_map_pirq", PhysicalDeviceOperation.mapInterrupt),
                .init("unmapInterrupt", c: "PHYSDEVOP_unmap_pirq", PhysicalDeviceOperation.unmapInterrupt),
                .init("managePCIAdd", c: "PHYSDEVOP_manage_pci_add", PhysicalDeviceOperation.managePCIAdd),
                .init(
                    "managePCIRemove", c: "PHYSDEVOP_manage_pci_remove",
                    PhysicalDeviceOperation.managePCIRemove),
                .init("restoreMSI", c: "PHYSDEVOP_restore_msi", PhysicalDeviceOperation.restoreMSI),
                .init(
                    "managePCIAddExtended", c: "PHYSDEVOP_manage_pci_add_ext",
                    PhysicalDeviceOperation.managePCIAddExtended),
                .init("setupGSI", c: "PHYSDEVOP_setup_gsi", PhysicalDeviceOperation.setupGSI),
                .init(
                    "getFreeInterrupt", c: "PHYSDEVOP_get_free_pirq", PhysicalDeviceOperation.getFreeInterrupt
                ),
                .init(
                    "pciMMCFGReserved", c: "PHYSDEVOP_pci_mmcfg_reserved",
                    PhysicalDeviceOperation.pciMMCFGReserved),
                .init("pciDeviceAdd", c: "PHYSDEVOP_pci_device_add", PhysicalDeviceOperation.pciDeviceAdd),
                .init(
                    "pciDeviceRemove", c: "PHYSDEVOP_pci_device_remove",
                    PhysicalDeviceOperation.pciDeviceRemove),
                .init(
                    "restoreMSIExtended", c: "PHYSDEVOP_restore_msi_ext",
                    PhysicalDeviceOperation.restoreMSIExtended),
                .init("eoiFrameV2", c: "PHYSDEVOP_pirq_eoi_gmfn_v2", PhysicalDeviceOperation.eoiFrameV2),
                .init("debugPort", c: "PHYSDEVOP_dbgp_op", PhysicalDeviceOperation.debugPort),
                .init("prepareMSIX", c: "PHYSDEVOP_prepare_msix", PhysicalDeviceOperation.prepareMSIX),
                .init("releaseMSIX", c: "PHYSDEVOP_release_msix", PhysicalDeviceOperation.releaseMSIX),
            ])
        let t6 = ConstantTable(
            "PCIMMCFGFlag", "UInt32",
            [
                .init("reserved", c: "XEN_PCI_MMCFG_RESERVED", PCIMMCFGFlag.reserved)
            ])
        let t7 = ConstantTable(
            "PCIDeviceFlag", "UInt32",
            [
                .init("extendedFunction", c: "XEN_PCI_DEV_EXTFN", PCIDeviceFlag.extendedFunction),
                .init("virtualFunction", c: "XEN_PCI_DEV_VIRTFN", PCIDeviceFlag.virtualFunction),
                .init("proximity", c: "XEN_PCI_DEV_PXM", PCIDeviceFlag.proximity),
            ])
        return [t0, t1, t2, t3, t4, t5, t6, t7]
    }
}
